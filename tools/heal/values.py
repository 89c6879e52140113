"""What the online store should serve from a range of event time, as the tables have it.

The values bear the generate_times of `features` and `aggregate`: whatever the store has that is newer stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from functions.aggregate.bucket import Pane
from functions.aggregate.reports import window_features
from functions.aggregate.window import Window
from shared.clock import from_micros, to_micros
from shared.online import EVENT_FEATURES, WINDOW_FEATURES, OnlineFeatures
from shared.tables.columns import REALTIME_FEATURES, Row
from shared.windows.key import window_of
from tools.pipeline.warehouse import Record, Warehouse

_FEATURES = [name for names in EVENT_FEATURES.values() for name in names]
_NULLABLE = [
    column.name
    for column in REALTIME_FEATURES.columns
    if column.name in _FEATURES and column.mode != "REPEATED"
]

# A null is not written, so an older event may have the newest value of a feature. Among the events of a
# location with the same nulls the newest has all that they have: one row a pattern of nulls is enough.
EVENTS = f"""
SELECT location_id, event_timestamp, {", ".join(_FEATURES)}
FROM realtime_features_unique
WHERE event_timestamp >= @since AND event_timestamp <= @until
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY location_id, feature_category, {", ".join(f"({name} IS NULL)" for name in _NULLABLE)}
  ORDER BY event_timestamp DESC, event_id
) = 1
ORDER BY location_id
"""
WINDOWS = f"""
SELECT location_id, window_start, latest_event_timestamp, revision, {", ".join(WINDOW_FEATURES.values())}
FROM realtime_features_aggregated_latest
WHERE window_start >= @since AND window_start <= @until
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY location_id
  ORDER BY COALESCE(latest_event_timestamp, window_start) DESC, revision DESC
) = 1
ORDER BY location_id
"""


@dataclass(frozen=True, slots=True)
class Range:
    """Event time, both ends included, as the dead letters name it."""

    since: datetime
    until: datetime


def values_in(warehouse: Warehouse, span: Range) -> Iterator[OnlineFeatures]:
    """A location's events stand together, and its window comes later; raises WarehouseError."""
    yield from map(_of_event, warehouse.stream(EVENTS, since=span.since, until=span.until))
    first = first_window(span.since)
    yield from map(_of_window, warehouse.stream(WINDOWS, since=first, until=span.until))


def first_window(since: datetime) -> datetime:
    """The start of the first window whose values may have this generate_time, or a later one.

    The flush adds a microsecond a revision to the newest event's time, which may reach beyond the window.
    """
    return from_micros(window_of(to_micros(since - timedelta(seconds=1))))


def _of_event(record: Record) -> OnlineFeatures:
    """Only its category's features: BigQuery has an empty list, not a null, where another's would be."""
    row = cast(Row, record)
    names = (*EVENT_FEATURES["derived"], *EVENT_FEATURES[str(row["feature_category"])])
    return OnlineFeatures(
        str(row["location_id"]), _time(row, "event_timestamp"), {name: row[name] for name in names}
    )


def _of_window(record: Record) -> OnlineFeatures:
    row = cast(Row, record)
    start, latest, revision = _time(row, "window_start"), row["latest_event_timestamp"], row["revision"]
    assert isinstance(revision, int)
    newest = to_micros(latest) if isinstance(latest, datetime) else None
    window = Window(revision=revision, latest=newest)
    return window_features(Pane(str(row["location_id"]), to_micros(start), window), row)


def _time(row: Row, column: str) -> datetime:
    moment = row[column]
    assert isinstance(moment, datetime), column
    return moment
