"""What BigQuery holds of the windows of a span of time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clock import from_micros, to_micros
from shared.settings import AggregateSettings
from shared.windows.key import window_of
from tools.errors import UsageError
from tools.pipeline.warehouse import QueryResult, Warehouse
from tools.windows.comparing import Verification, compare
from tools.windows.recompute import COLUMNS, Record, recompute

DAY = timedelta(days=1)
FLUSH_DUE = timedelta(minutes=2)
"""A settled window's last pane is due at the next flush, at most a minute later."""

# An event that came through in time and was folded too late is in no window: the flush says so in a record.
EVENTS = f"""
SELECT {", ".join(f"u.{column}" for column in COLUMNS)}, a.first_arrival, a.last_arrival
FROM realtime_features_unique AS u
JOIN (
  SELECT event_id, MIN(COALESCE(publish_timestamp, processing_timestamp)) AS first_arrival,
    MAX(COALESCE(publish_timestamp, processing_timestamp)) AS last_arrival
  FROM realtime_features
  WHERE event_timestamp >= @since AND event_timestamp < @until
  GROUP BY event_id
) AS a ON a.event_id = u.event_id
WHERE u.event_timestamp >= @since AND u.event_timestamp < @until AND NOT COALESCE(u.is_late, FALSE)
  AND u.event_id NOT IN (
    SELECT event_id FROM streaming_errors
    WHERE error_type = 'late_event' AND stage = 'aggregate' AND event_id IS NOT NULL
  )
"""
PANES = """
SELECT * FROM realtime_features_aggregated_latest WHERE window_start >= @since AND window_start < @until
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Windows that begin in [since, until)."""

    since: datetime
    until: datetime


def closed_span(
    since: datetime | None, until: datetime | None, settings: AggregateSettings, now: datetime
) -> Span:
    """The windows asked for that are settled by now, of the last day unless told; raises UsageError for none.

    ALLOWED_LATENESS and CLOSE_GRACE of the environment say when a window is settled, as for the flush.
    """
    settled = settings.allowed_lateness + settings.close_grace + FLUSH_DUE
    last = _window_start(now - settled)
    end = last if until is None else min(_window_start(until), last)
    begin = end - DAY if since is None else _window_start(since)
    if begin >= end:
        raise UsageError(
            f"no window between {begin:%Y-%m-%dT%H:%MZ} and {end:%Y-%m-%dT%H:%MZ} is settled: the newest "
            f"begins before {last:%Y-%m-%dT%H:%MZ}, {settled} ago (ALLOWED_LATENESS, CLOSE_GRACE)"
        )
    return Span(begin, end)


def verify(warehouse: Warehouse, span: Span) -> Verification:
    """Raises WarehouseError."""
    parameters = {"since": span.since, "until": span.until}
    events = warehouse.query(EVENTS, **parameters)
    panes = warehouse.query(PANES, **parameters)
    return compare(recompute(_records(events)), _records(panes))


def _records(result: QueryResult) -> Iterator[Record]:
    columns: Sequence[str] = result.columns
    return (dict(zip(columns, row, strict=True)) for row in result.rows)


def _window_start(moment: datetime) -> datetime:
    return from_micros(window_of(to_micros(moment)))
