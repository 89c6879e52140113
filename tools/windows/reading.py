"""What BigQuery holds of the windows of a span of time, and which of them the flush has settled."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clock import from_micros, to_micros
from shared.windows.key import window_of
from shared.windows.log import MAX_LOGGING_DELAY
from tools.errors import UsageError
from tools.pipeline.flush_state import FlushState
from tools.pipeline.warehouse import Warehouse
from tools.windows.comparing import Verification, compare
from tools.windows.recompute import COLUMNS, recompute

DAY = timedelta(days=1)

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
WHERE u.event_timestamp >= @since AND u.event_timestamp < @until
"""
PANES = """
SELECT * FROM realtime_features_aggregated_latest WHERE window_start >= @since AND window_start < @until
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Windows that begin in [since, until)."""

    since: datetime
    until: datetime


def span_of(since: datetime | None, until: datetime | None, now: datetime) -> Span:
    """The windows asked for, those of the last day unless told; raises UsageError for none."""
    end = _window_start(now if until is None else until)
    begin = end - DAY if since is None else _window_start(since)
    if begin >= end:
        raise UsageError(
            f"no window begins from {begin:%Y-%m-%dT%H:%MZ} on and before {end:%Y-%m-%dT%H:%MZ}: "
            "give an earlier --from or a later --to"
        )
    return Span(begin, end)


@dataclass(frozen=True, slots=True)
class Verifier:
    """Compares the windows of a span; `flush` says which of them are settled."""

    warehouse: Warehouse
    flush: FlushState
    allowed_lateness: timedelta

    def verify(self, span: Span) -> Verification:
        """Raises WarehouseError."""
        parameters = {"since": span.since, "until": span.until}
        expected = recompute(self.warehouse.query(EVENTS, **parameters).records())
        panes = self.warehouse.query(PANES, **parameters).records()
        return compare(expected, panes, self.flush.is_settled)

    def why_nothing_was_compared(self, found: Verification) -> str:
        """In a sentence; empty when something was."""
        if found.compared:
            return ""
        if not found.unsettled:
            return "Nothing was compared: these windows have no event in realtime_features, and no pane."
        if not self.flush.watermark:
            return "Nothing was compared: no window is settled, for no flush has run (cqc flush)."
        after = self.allowed_lateness + MAX_LOGGING_DELAY
        return (
            f"Nothing was compared: none of these windows is settled. The flush has read the log up to "
            f"{from_micros(self.flush.watermark):%Y-%m-%d %H:%M:%SZ}; it settles a window when it has read "
            f"on to {after} after the window's end (ALLOWED_LATENESS and {MAX_LOGGING_DELAY.seconds} s)."
        )


def _window_start(moment: datetime) -> datetime:
    return from_micros(window_of(to_micros(moment)))
