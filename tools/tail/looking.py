"""One look at the tables: what parse received, or what failed, since a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import ErrorType
from tools.errors import choose
from tools.pipeline.warehouse import Warehouse
from tools.tail.outcomes import Outcome, outcome_of

MOST = 5_000
"""Outcomes of one look, the newest: beyond what anyone reads, within what BigQuery answers in one page."""
OLDEST_EVENT = timedelta(days=1)
"""How long an event may have happened before it came, so that a look reads two or three partitions instead of
730. What comes later than that is too late for its window, and shows as its dead letter, `late_event`."""

ROWS = """
SELECT processing_timestamp AS at, event_id, location_id, event_type,
  processing_latency_seconds AS delay, COALESCE(is_late, FALSE) AS is_late,
  CAST(NULL AS STRING) AS reason, CAST(NULL AS STRING) AS stage, CAST(NULL AS STRING) AS error
FROM realtime_features
WHERE event_timestamp >= @oldest AND processing_timestamp >= @since
"""
DEAD_LETTERS = """
SELECT error_timestamp AS at, event_id, location_id, event_type,
  CAST(NULL AS FLOAT64) AS delay, FALSE AS is_late, error_type AS reason, stage, error_message AS error
FROM streaming_errors
WHERE error_timestamp >= @since
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show; None for everything. A `reason` leaves out the rows."""

    location: str | None = None
    event_type: str | None = None
    reason: str | None = None

    def check(self) -> None:
        """Raises UsageError for a reason that there is not."""
        if self.reason is not None:
            choose("--reason", self.reason, ErrorType)

    def sql(self) -> tuple[str, dict[str, str | datetime]]:
        """The query of a look but for its times, and its parameters."""
        parameters: dict[str, str | datetime] = {}
        conditions = ""
        if self.location is not None:
            conditions += " AND location_id = @location"
            parameters["location"] = self.location
        if self.event_type is not None:
            conditions += " AND event_type = @event_type"
            parameters["event_type"] = self.event_type
        parts = [DEAD_LETTERS + conditions] if self.reason else [ROWS + conditions, DEAD_LETTERS + conditions]
        if self.reason is not None:
            parts[-1] += " AND error_type = @reason"
            parameters["reason"] = self.reason
        return f"{' UNION ALL '.join(parts)} ORDER BY at DESC LIMIT {MOST}", parameters


@dataclass(frozen=True, slots=True)
class TableLook:
    """A look, as often as it is called."""

    warehouse: Warehouse
    filters: Filters

    def __call__(self, since: datetime) -> Sequence[Outcome]:
        """The newest outcomes since then, MOST at most, in any order; raises WarehouseError."""
        sql, parameters = self.filters.sql()
        parameters["since"] = since
        if self.filters.reason is None:
            parameters["oldest"] = since - OLDEST_EVENT
        return [outcome_of(record) for record in self.warehouse.query(sql, **parameters).records()]
