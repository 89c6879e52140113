"""One location's window: its fold, and what it emitted last. Pure, and the same whatever the order of the
events.

Every part of the fold is a sum, a maximum or a union, so folding is commutative and associative; sums are
whole numbers, so averages do not depend on the order either. Detecting duplicates is the bucket's part.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter

from shared.clock import from_micros, iso_text
from shared.tables.columns import Row, Value
from shared.windows.contribution import SUMS, Contribution

MAX_EVENT_TYPES = 1_000
MAX_EVENT_TYPES_BYTES = 200_000
"""Names of event types kept a window, the alphabetically first of them: a producer that makes names up must
not grow a window past what a document holds."""
_BYTES_PER_CHARACTER = 6
"""What a character takes in JSON at most."""
_FEW = 64
"""So many names can't be too long: 64 names of 128 characters are 49 kB."""
_INT64_MAX = 2**63 - 1
"""BigQuery's JSON refuses what it can't keep exactly: a total beyond 64 bits stops at the end."""


class Timing(StrEnum):
    """When a pane comes, in the order in which a window passes through them; the column `pane` has it."""

    EARLY = "early"
    ON_TIME = "on_time"
    LATE = "late"


@dataclass(slots=True)
class Window:
    """What a window holds, and its last pane; a new one is the empty fold. Times in microseconds.

    `revision` counts its panes, `flush` is the number of the flush that made the last one.
    """

    revision: int = 0
    flush: int = 0
    pane: str = ""
    is_final: bool = False
    emitted_at: int = 0
    count: int = 0
    late_count: int = 0
    risk_sum: int = 0
    risk_max: int = 0
    complexity_sum: int = 0
    complexity_max: int = 0
    latest: int | None = None
    categories: dict[str, list[int]] = field(default_factory=dict)
    """Category to count, latest event time, and the category's sums."""
    event_types: list[str] = field(default_factory=list)
    """Few, so that looking through them costs less than making a set of each window's."""

    def add(self, event: Contribution, end: int) -> None:
        """Folds in one event that is not in it yet; `end` is the window's."""
        _, _, at, arrival, event_type, category, risk, complexity, sum_1, sum_2, sum_3 = event
        self.count += 1
        if arrival >= end:
            self.late_count += 1
        self.risk_sum += risk
        if risk > self.risk_max:
            self.risk_max = risk
        self.complexity_sum += complexity
        if complexity > self.complexity_max:
            self.complexity_max = complexity
        if self.latest is None or at > self.latest:
            self.latest = at
        totals = self.categories.get(category)
        if totals is None:
            self.categories[category] = [1, at, sum_1, sum_2, sum_3]
        else:
            totals[0] += 1
            if at > totals[1]:
                totals[1] = at
            totals[2] += sum_1
            totals[3] += sum_2
            totals[4] += sum_3
        if event_type not in self.event_types:
            _add_type(self.event_types, event_type)

    def fire(self, timing: Timing, is_final: bool, at: int, flush: int) -> None:
        """Takes the next revision for a pane that is due."""
        self.revision += 1
        self.flush, self.pane, self.is_final, self.emitted_at = flush, timing, is_final, at

    def fold(self) -> Row:
        """The columns of realtime_features_aggregated that the fold decides."""
        count = self.count
        return {
            "window_event_count": count,
            "late_event_count": self.late_count,
            "unique_event_types": sorted(self.event_types),
            "unique_feature_categories": sorted(self.categories),
            "average_risk_score": self.risk_sum / count if count else None,
            "max_risk_score": self.risk_max if count else None,
            "average_complexity_score": self.complexity_sum / count if count else None,
            "max_complexity_score": self.complexity_max if count else None,
            "latest_event_timestamp": None if self.latest is None else from_micros(self.latest),
            "event_type_count": len(self.event_types),
            "feature_category_count": len(self.categories),
            "aggregated_features": self._per_category(),
        }

    def _per_category(self) -> Value:
        """JSON, written by hand: sums may have more digits than a library's whole numbers hold."""
        members, most = [], _INT64_MAX
        for category in sorted(self.categories):
            count, latest, sum_1, sum_2, sum_3 = self.categories[category]
            if not (-most <= sum_1 <= most and -most <= sum_2 <= most and -most <= sum_3 <= most):
                sum_1, sum_2, sum_3 = (max(-most, min(most, total)) for total in (sum_1, sum_2, sum_3))
            template, values = _MEMBERS[category]
            members.append(template % (count, iso_text(latest), sum_1, sum_2, sum_3)[:values])
        return f"{{{','.join(members)}}}"


stored_fields = attrgetter(*Window.__dataclass_fields__)
"""A window as it is stored: its fields in order. `Window(*fields)` is the inverse."""


def _member(category: str) -> tuple[str, int]:
    """How a category stands in aggregated_features, as a template, and how many values that takes."""
    names = SUMS[category]
    sums = "".join(f',"{name}":%s' for name in names)
    return f'"{category}":{{"count":%s,"latest_timestamp":"%s"{sums}}}', 2 + len(names)


_MEMBERS = {category: _member(category) for category in SUMS}


def _add_type(names: list[str], name: str) -> None:
    """Keeps the run of the sorted names up to the first that reaches a limit: the same whatever came first.

    The name that goes beyond the bytes stays: without it, a shorter one behind it could take its place.
    """
    if len(names) == MAX_EVENT_TYPES and name > max(names):
        return
    names.append(name)
    if len(names) <= _FEW:
        return
    names.sort()
    size = 0
    for place, kept in enumerate(names):
        if place >= MAX_EVENT_TYPES or size > MAX_EVENT_TYPES_BYTES:
            del names[place:]
            return
        size += _BYTES_PER_CHARACTER * len(kept)
