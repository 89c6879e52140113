"""Windows as recomputed against their latest panes. Pure."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.clock import to_micros
from shared.windows.key import WindowKey
from tools.pipeline.warehouse import Record
from tools.windows.recompute import Expected


@dataclass(frozen=True, slots=True)
class Difference:
    """A settled window whose latest pane is not what its rows come to; `expected` is None without rows."""

    key: WindowKey
    revision: int
    """Of the latest pane; 0 when there is none."""
    what: str
    expected: Expected | None
    unreadable: str = ""
    """Why its documents can't be read, if they can't."""

    @property
    def obstacle(self) -> str:
        """What keeps a repair from it, for "these windows …"; empty when nothing does."""
        if self.expected is None:
            return "have no rows, so what they should hold is not known"
        if self.unreadable:
            return (
                f"have documents that can't be read ({self.unreadable}): use the cqc of the release that is "
                "deployed, or delete a damaged document"
            )
        return ""


def advice(differences: Sequence[Difference]) -> str:
    """Whether --repair fixes these windows, and what keeps it from those that it does not fix."""
    obstacles = Counter(difference.obstacle for difference in differences)
    fixable = obstacles.pop("", 0)
    if not obstacles:
        return "--repair fixes them"
    if not fixable and len(obstacles) == 1:
        return f"they {next(iter(obstacles))}, and --repair leaves them alone"
    left = "; ".join(f"{count} {reason}" for reason, count in obstacles.items())
    fixed = f"fixes {fixable} of them" if fixable else "fixes none"
    return f"--repair {fixed}: {left}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a comparison came to; a window that is not settled is left to the flush."""

    compared: int
    unsettled: int
    differences: list[Difference]


def compare(
    expected: Mapping[WindowKey, Expected], panes: Iterable[Record], is_settled: Callable[[WindowKey], bool]
) -> Verification:
    """Every window that has rows or a pane, once its pane is final or the flush has settled it."""
    latest = {_key(pane): pane for pane in panes}
    differences, unsettled = [], 0
    keys = sorted(expected.keys() | latest.keys())
    for key in keys:
        pane = latest.get(key)
        if not (pane and pane["is_final"]) and not is_settled(key):
            unsettled += 1
            continue
        what = _what_differs(expected.get(key), pane)
        if what:
            revision = pane["revision"] if pane else 0
            assert isinstance(revision, int)
            differences.append(Difference(key, revision, what, expected.get(key)))
    return Verification(len(keys) - unsettled, unsettled, differences)


def _key(pane: Record) -> WindowKey:
    start = pane["window_start"]
    assert isinstance(start, datetime)
    return WindowKey(to_micros(start), str(pane["location_id"]))


def _what_differs(expected: Expected | None, pane: Record | None) -> str:
    """In words; empty when nothing does."""
    if expected is None:
        return f"its pane counts {pane['window_event_count']} events, no row is left" if pane else ""
    if pane is None:
        count = expected.window.count
        return f"{count} events that are not late, and no pane" if count else ""
    found = [] if pane["is_final"] else ["it is settled, and its latest pane is not final"]
    return "; ".join(found + _columns_that_differ(expected, pane))


def _columns_that_differ(expected: Expected, pane: Record) -> list[str]:
    result = expected.window.fold()
    result.pop("late_event_count")
    found = []
    for column, value in result.items():
        ours, theirs = _leaves(column, value), _leaves(column, pane[column])
        names = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
        found += [f"{name}: {theirs.get(name)} instead of {ours.get(name)}" for name in names]
    late = pane["late_event_count"]
    if not isinstance(late, int) or not expected.least_late <= late <= expected.most_late:
        found.append(f"late_event_count: {late} instead of {expected.window.late_count}")
    return found


def _leaves(name: str, value: object) -> dict[str, object]:
    """The value by its path: JSON as its leaves, whether the client gives it as text or read."""
    if name == "aggregated_features" and isinstance(value, str):
        value = json.loads(value)
    if isinstance(value, Mapping):
        return {
            path: leaf for key, own in value.items() for path, leaf in _leaves(f"{name}.{key}", own).items()
        }
    return {name: list(value) if isinstance(value, tuple) else value}
