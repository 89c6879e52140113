"""What must hold at the end of every history, whatever happened in it."""

import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise, product

import orjson

from functions.aggregate.window import Timing
from shared.clock import from_micros, to_micros
from shared.errors import ErrorType
from shared.tables.columns import Row
from shared.windows.contribution import Contribution, contribution
from shared.windows.documents import Unreadable
from shared.windows.key import WindowKey, closes_at
from shared.windows.log import counts
from shared.windows.segment import decode
from tests.simulation.parts import message_of
from tests.simulation.plan import MAX_SKEW
from tests.simulation.simulated_chain import SimulatedChain

ORDER = [Timing.EARLY, Timing.ON_TIME, Timing.LATE]


def broken(chain: SimulatedChain) -> list[str]:
    """A sentence for each law that the history breaks."""
    if chain.bugs:
        return ["".join(traceback.format_exception(error)) for error in chain.bugs]
    if not chain.is_closed:
        return [f"it does not end: {chain.waiting} messages wait, the windows are not all closed"]
    unique = unique_rows(chain.sinks.rows)
    return [
        *_events(chain, unique),
        *panes(chain.sinks.panes),
        *_folds(unique, newest_panes(chain.sinks.panes), _kept(chain)),
        *_dead_letters(chain),
        *_online(chain),
    ]


Unique = Mapping[str, tuple[bool, Sequence[Row]]]
"""Event id to whether it is late, by the rule of realtime_features_unique, and all of its rows."""


def unique_rows(rows: Iterable[Row]) -> Unique:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[str(row["event_id"])].append(row)
    return {event_id: (any(row["is_late"] for row in copies), copies) for event_id, copies in found.items()}


def _events(chain: SimulatedChain, unique: Unique) -> Iterator[str]:
    published = {publication.event_id: message_of(publication) for publication in chain.plan.publications}
    if unique.keys() != published.keys():
        yield f"these events have no row: {published.keys() - unique.keys()}"
    recorded = {
        orjson.loads(letter.data)["event_id"]
        for letter in chain.sinks.dead_letters
        if letter.error_type is ErrorType.LATE_EVENT
    }
    late = {event_id for event_id, (is_late, _) in unique.items() if is_late}
    kept = _kept(chain)
    recorded |= {event_id for event_id in late if contribution(unique[event_id][1][0]).digest in kept}
    if recorded != late:
        yield f"late by the table {sorted(late)}, by the late_event records {sorted(recorded)}"
    stored = set(_stored(chain))
    lateness = timedelta(seconds=min(chain.plan.latenesses))
    for event_id in late:
        event = contribution(unique[event_id][1][0])
        if event.digest in stored - kept:
            yield f"{event_id} was stored in time and is late"
        in_time = closes_at(event.key.start, lateness) - MAX_SKEW * 1_000_000
        if any(at < in_time for at in chain.acknowledged.get(event_id, ())):
            yield f"{event_id} was acknowledged in time and is late"


def _stored(chain: SimulatedChain) -> Iterator[bytes]:
    """The digests in all segments that count."""
    for name, document in chain.database.documents.items():
        if name.startswith("window_log/0") and "x" not in document.id and counts(document):
            try:
                yield from (event.digest for event in decode(document.fields))
            except Unreadable:
                continue


def panes(rows: Iterable[Row], is_closed: Callable[[WindowKey], bool] = lambda _: True) -> Iterator[str]:
    """Of every window: its revisions, its kinds of panes, and what is final if `is_closed` says so."""
    windows: dict[WindowKey, dict[int, Row]] = defaultdict(dict)
    for row in rows:
        revisions = windows[_key(row)]
        revision = int(str(row["revision"]))
        if revisions.setdefault(revision, row) != row:
            yield f"revision {revision} of {_key(row)} is two rows: {revisions[revision]} and {row}"
    for key, revisions in windows.items():
        emitted = [revisions[number] for number in sorted(revisions)]
        if sorted(revisions) != list(range(1, len(revisions) + 1)):
            yield f"{key} has the revisions {sorted(revisions)}"
        if [row["is_final"] for row in emitted] != [False] * (len(emitted) - 1) + [is_closed(key)]:
            yield f"{key} says is_final {[row['is_final'] for row in emitted]}"
        kinds = [Timing(str(row["pane"])) for row in emitted]
        on_time = kinds.count(Timing.ON_TIME)
        if kinds != sorted(kinds, key=ORDER.index) or on_time > 1 or (is_closed(key) and not on_time):
            yield f"{key} has the panes {kinds}"
        for before, after in pairwise(emitted):
            if not int(str(before["window_event_count"])) <= int(str(after["window_event_count"])):
                yield f"{key} lost events between {before} and {after}"


def _key(row: Row) -> WindowKey:
    start = row["window_start"]
    assert isinstance(start, datetime)
    return WindowKey(to_micros(start), str(row["location_id"]))


def newest_panes(rows: Iterable[Row]) -> dict[WindowKey, Row]:
    newest: dict[WindowKey, Row] = {}
    for row in rows:
        before = newest.get(_key(row))
        if before is None or int(str(before["revision"])) < int(str(row["revision"])):
            newest[_key(row)] = row
    return newest


def _folds(unique: Unique, final: Mapping[WindowKey, Row], kept: set[bytes]) -> Iterator[str]:
    """Final panes against a fold of the unique rows; of an event with two contents either may be the one, and
    one that is kept in a dead letter may be none."""
    choices: dict[WindowKey, list[list[Contribution | None]]] = defaultdict(list)
    for is_late, copies in unique.values():
        contents = sorted({contribution(row) for row in copies})
        if not is_late:
            nothing = [None] if contents[0].digest in kept else []
            choices[contents[0].key].append([*contents, *nothing])
    for key in choices.keys() | final.keys():
        folds = [fold(list(filter(None, chosen))) for chosen in product(*choices[key])]
        pane = final.get(key, fold([]))
        if not any(expected.items() <= pane.items() for expected in folds):
            yield f"{key} is {pane}, its rows come to {folds[0]}"


def fold(events: Sequence[Contribution]) -> dict[str, object]:
    """The plain definition of a window's columns; of no events only their number."""
    if not events:
        return {"window_event_count": 0}
    categories: dict[str, list[Contribution]] = defaultdict(list)
    for event in events:
        categories[event.category].append(event)
    return {
        "window_event_count": len(events),
        "late_event_count": sum(event.arrival_micros >= event.key.end for event in events),
        "unique_event_types": sorted({event.event_type for event in events}),
        "unique_feature_categories": sorted(categories),
        "average_risk_score": sum(event.risk_score for event in events) / len(events),
        "max_risk_score": max(event.risk_score for event in events),
        "average_complexity_score": sum(event.complexity_score for event in events) / len(events),
        "max_complexity_score": max(event.complexity_score for event in events),
        "latest_event_timestamp": from_micros(max(event.event_micros for event in events)),
        "event_type_count": len({event.event_type for event in events}),
        "feature_category_count": len(categories),
        "aggregated_features": orjson.dumps(
            {name: _totals(name, members) for name, members in sorted(categories.items())}
        ).decode(),
    }


NAMES = {
    "inspection": ("total_inspector_count", "follow_ups_required", "high_priority_inspections"),
    "rating": ("rating_improvements", "rating_declines", "enforcement_actions"),
    "capacity": ("net_capacity_change",),
    "compliance": ("high_severity_alerts", "safeguarding_concerns", "repeat_violations"),
    "interaction": ("total_page_views",),
    "generic": (),
}


def _totals(category: str, events: Sequence[Contribution]) -> dict[str, object]:
    totals: dict[str, object] = {
        "count": len(events),
        "latest_timestamp": from_micros(max(event.event_micros for event in events)),
    }
    for place, name in enumerate(NAMES[category]):
        totals[name] = sum((event.sum_1, event.sum_2, event.sum_3)[place] for event in events)
    return totals


_TOO_LATE = "which is settled without them"


def _kept(chain: SimulatedChain) -> set[bytes]:
    """The digests of events that were logged for settled windows."""
    kept = [orjson.loads(letter.data) for letter in chain.sinks.dead_letters if _TOO_LATE in letter.text]
    return {bytes.fromhex(event["digest"]) for events in kept for event in events}


def _dead_letters(chain: SimulatedChain) -> Iterator[str]:
    """Besides late events and online values there are none, but for segments that nobody can read, and for
    settled windows where the allowed lateness has changed."""
    for letter in chain.sinks.dead_letters:
        is_expected = "junk" in letter.text or (chain.plan.later and _TOO_LATE in letter.text)
        if letter.error_type is ErrorType.UNEXPECTED_ERROR and not is_expected:
            yield f"a dead letter: {letter.text}"


def _online(chain: SimulatedChain) -> Iterator[str]:
    """One location's values of one generate_time are always the same: no overtaken flush takes any back."""
    values: dict[tuple[str, object], object] = {}
    for entry in chain.sinks.online:
        if values.setdefault((entry.location_id, entry.generate_time), entry.values) != entry.values:
            yield f"two values of {entry.location_id} at {entry.generate_time}"
