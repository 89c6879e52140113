"""What must hold of a real chain once its plan of faults has healed, read from its tables and online store.

The rules for windows are the simulation's (tests/simulation/laws.py); the reference for what a window or the
online store should hold is a plain fold over the rows, in one thread.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

import orjson

from shared.errors import ErrorType
from shared.tables.columns import Row
from shared.windows.contribution import Contribution, contribution
from shared.windows.key import WindowKey
from tests.simulation.laws import Unique, fold, newest_panes, panes, unique_rows
from tests.soak.publications import Expected, Publication, Times
from tools.heal.values import Range, values_in
from tools.pipeline.online_store import OnlineStore, OnlineValue
from tools.pipeline.warehouse import Warehouse
from tools.windows.recompute import COLUMNS

ROWS = f"SELECT {', '.join(COLUMNS)} FROM realtime_features ORDER BY processing_timestamp"
PANES = "SELECT * FROM realtime_features_aggregated"
UNIQUE = "SELECT event_id, is_late FROM realtime_features_unique ORDER BY event_id"
DEAD_LETTERS = "SELECT event_id, error_type, error_message FROM streaming_errors"
LATENCY = "processing_latency_seconds"
"""The one feature that is another for each delivery of an event: its time is the event's all the same."""
NOT_ONE_EVENTS = ErrorType.FEATURE_STORE_WRITE_FAILED.value


def broken(
    warehouse: Warehouse, online: OnlineStore, published: Sequence[Publication], times: Times
) -> list[str]:
    """A sentence for each law that does not hold."""
    rows = [cast(Row, record) for record in warehouse.query(ROWS).records()]
    emitted = [cast(Row, record) for record in warehouse.query(PANES).records()]
    unique = unique_rows(rows)
    letters: dict[str, set[str]] = defaultdict(set)
    for event_id, error_type, text in warehouse.query(DEAD_LETTERS).rows:
        if error_type != NOT_ONE_EVENTS:
            letters[str(event_id or text)].add(str(error_type))
    return [
        *_view(warehouse, unique),
        *events(published, unique, letters),
        *panes(emitted, lambda key: times.is_closing(key.start)),
        *folds(unique, newest_panes(emitted)),
        *_online(warehouse, online, times, latencies(unique)),
    ]


def stale(warehouse: Warehouse) -> bool:
    """Whether values are missing in the online store, and a dead letter says so."""
    found = warehouse.query(
        f"SELECT COUNT(*) FROM streaming_errors WHERE error_type = '{NOT_ONE_EVENTS}'"
    ).rows
    return found[0][0] != 0


def whole(times: Times) -> Range:
    """The event times of all that is published."""
    return Range(times.current - timedelta(hours=1), times.current + timedelta(hours=1))


def _view(warehouse: Warehouse, unique: Unique) -> Iterator[str]:
    shown = [(str(event_id), bool(is_late)) for event_id, is_late in warehouse.query(UNIQUE).rows]
    expected = sorted((event_id, is_late) for event_id, (is_late, _) in unique.items())
    if shown != expected:
        yield f"realtime_features_unique and its rows differ in {sorted(set(shown) ^ set(expected))[:5]}"


def events(
    published: Sequence[Publication], unique: Unique, letters: Mapping[str, set[str]]
) -> Iterator[str]:
    """No event in two places, none in none."""
    known = {publication.event_id: publication.expected for publication in published}
    if strangers := (unique.keys() | letters.keys()) - known.keys():
        yield f"nobody published {sorted(strangers)[:5]}"
    for event_id, expected in known.items():
        row, reasons = unique.get(event_id), letters.get(event_id, set())
        if expected in (Expected.BAD, Expected.REFUSED):
            if row is not None or reasons != {expected.value}:
                yield f"{event_id} has {'a' if row else 'no'} row and the dead letters {sorted(reasons)}"
            continue
        if row is None:
            yield f"{event_id} has no row, and the dead letters {sorted(reasons)}"
            continue
        is_late = row[0]
        if reasons != ({ErrorType.LATE_EVENT.value} if is_late else set()):
            yield f"{event_id} has a row that says is_late {is_late}, and the dead letters {sorted(reasons)}"
        if expected is (Expected.TIMELY if is_late else Expected.LATE):
            yield f"{event_id} should be {expected.value}, and says is_late {is_late}"


def folds(unique: Unique, newest: Mapping[WindowKey, Row]) -> Iterator[str]:
    """The newest pane of each window against a fold of its rows.

    An event that came twice may have counted by any of its arrivals, so the count of late ones has bounds.
    """
    windows: dict[WindowKey, list[list[Contribution]]] = defaultdict(list)
    for is_late, copies in unique.values():
        if not is_late:
            arrivals = sorted((contribution(row) for row in copies), key=lambda event: event.arrival_micros)
            windows[arrivals[0].key].append(arrivals)
    if windows.keys() != newest.keys():
        yield f"windows by the rows only: {sorted(windows.keys() - newest.keys())[:5]}"
        yield f"windows by the panes only: {sorted(newest.keys() - windows.keys())[:5]}"
        return
    for key, members in windows.items():
        expected = fold([arrivals[0] for arrivals in members])
        least = expected.pop("late_event_count")
        most = sum(arrivals[-1].arrival_micros >= key.end for arrivals in members)
        for column, value in expected.items():
            shown = newest[key][column]
            if _plain(value) != _plain(shown):
                yield f"{key}: {column} is {shown!r}, its rows come to {value!r}"
        late = newest[key]["late_event_count"]
        if not cast(int, least) <= cast(int, late) <= most:
            yield f"{key}: late_event_count is {late!r}, its rows allow {least!r} to {most!r}"


def _plain(value: object) -> object:
    """JSON read, lists as lists."""
    if isinstance(value, str) and value.startswith("{"):
        return orjson.loads(value)
    return list(value) if isinstance(value, list | tuple) else value


Latencies = Mapping[tuple[object, object], set[float]]
"""By location and event time."""


def latencies(unique: Unique) -> Latencies:
    """What each event's deliveries took to get to `parse`, in seconds: the row of one may be shown, and the
    value of another be served."""
    found: dict[tuple[object, object], set[float]] = defaultdict(set)
    for _, copies in unique.values():
        for row in copies:
            processed, happened = (
                cast(datetime, row["processing_timestamp"]),
                cast(datetime, row["event_timestamp"]),
            )
            found[row["location_id"], happened].add((processed - happened).total_seconds())
    return found


def _online(warehouse: Warehouse, online: OnlineStore, times: Times, delivered: Latencies) -> Iterator[str]:
    """Each feature has the value of its newest source."""
    newest: dict[str, dict[str, tuple[datetime, object]]] = defaultdict(dict)
    for entry in values_in(warehouse, whole(times)):
        mine = newest[entry.location_id]
        for name, value in entry.values.items():
            before = mine.get(name)
            if value is not None and (before is None or before[0] < entry.generate_time):
                mine[name] = (entry.generate_time, value)
    for location, expected in newest.items():
        served = {value.name: value for value in online.fetch(location)}
        for name, (time, wanted) in expected.items():
            found = served.get(name)
            allowed = delivered[location, time] if name == LATENCY else [wanted]
            if found is None or not any(_serves(found, value, time) for value in allowed):
                yield f"online, {location} has {found!r} of {name}, should be {wanted!r} of {time}"


def _serves(found: OnlineValue, value: object, time: datetime) -> bool:
    return found.generate_time == time and _plain(found.value) == _plain(value)
