"""What came into the tables in the period, local or deployed: queries that read only recent partitions."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tools.errors import CommandError
from tools.health.facts import Latency, Period, Rejected, Stored
from tools.pipeline.warehouse import Record, Warehouse

STORED = """
SELECT 'row' AS kind, '' AS stage, '' AS error_type, COUNT(*) AS events
FROM realtime_features WHERE event_timestamp >= @day AND processing_timestamp >= @since
UNION ALL
SELECT 'pane', '', '', COUNT(*)
FROM realtime_features_aggregated WHERE window_start >= @day AND aggregation_timestamp >= @since
UNION ALL
SELECT 'record', COALESCE(stage, ''), error_type, COUNT(*)
FROM streaming_errors WHERE error_timestamp >= @since GROUP BY 2, 3
"""
PUBLISHED = """
SELECT event_id, MIN(publish_timestamp) AS published
FROM realtime_features WHERE event_timestamp >= @day AND processing_timestamp >= @since GROUP BY event_id
"""
PARSED = """
SELECT APPROX_QUANTILES(TIMESTAMP_DIFF(processing_timestamp, publish_timestamp, MILLISECOND), 100) AS took,
  COUNT(publish_timestamp) AS events
FROM realtime_features WHERE event_timestamp >= @day AND processing_timestamp >= @since
"""
DAY = timedelta(days=1)
"""Older events that come in the period are left out, so that a query reads two partitions and not all."""


def read_stored(warehouse: Warehouse, period: Period) -> Stored:
    """What came from its start until now; raises CommandError."""
    answer = warehouse.query(STORED, since=period.start, day=period.start - DAY)
    return stored(answer.records(), period.seconds)


def stored(records: Sequence[Record], seconds: float) -> Stored:
    """The sums in the answer of STORED; raises CommandError for another."""
    try:
        totals = {
            kind: sum(_count(record, "events") for record in records if record["kind"] == kind)
            for kind in ("row", "pane")
        }
        kept = [
            Rejected(str(record["stage"]), str(record["error_type"]), _count(record, "events"))
            for record in records
            if record["kind"] == "record"
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise CommandError(f"BigQuery's answer can't be read ({error!r})") from None
    return Stored(seconds, totals["row"], totals["pane"], kept)


def _count(record: Record, name: str) -> int:
    value = record[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}")
    return value


def read_published(warehouse: Warehouse, since: datetime) -> Mapping[str, datetime]:
    """When the message of each event came that was parsed since then, by event id; raises CommandError."""
    found = warehouse.query(PUBLISHED, since=since, day=since - DAY).records()
    return {
        str(record["event_id"]): published
        for record in found
        if isinstance(published := record["published"], datetime)
    }


def read_parsed(warehouse: Warehouse, since: datetime) -> Sequence[Latency]:
    """From publish until `parse` has it; raises CommandError."""
    (record,) = warehouse.query(PARSED, since=since, day=since - DAY).records()
    return parsed(record)


def parsed(record: Record) -> Sequence[Latency]:
    """The percentiles in the answer of PARSED, in milliseconds there; none without events."""
    took, events = record.get("took"), record.get("events")
    if not isinstance(took, list) or len(took) != 101 or not isinstance(events, int):
        return []
    return [Latency("publish to parse", took[50] / 1_000, took[99] / 1_000, events)]
