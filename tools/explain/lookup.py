"""Finds all that is known about one event: in BigQuery, the window state and the online store."""

import asyncio
from collections.abc import Sequence

from shared.clock import from_micros, to_micros
from shared.errors import Retry
from shared.gcp.firestore import WindowLog
from shared.windows.key import WindowKey, digest, window_of
from tools.errors import CommandError, UsageError
from tools.explain.explanation import Explanation, Record, WindowShare, time_in
from tools.pipeline.connect import connect_firestore, connect_online_store, connect_warehouse
from tools.pipeline.deployment import Pipeline
from tools.pipeline.warehouse import QueryResult, Warehouse

FEATURES = """
SELECT * FROM realtime_features WHERE event_id = @event_id
ORDER BY COALESCE(is_late, FALSE), processing_timestamp
"""
FAILURES = """
SELECT error_timestamp, stage, error_type, error_message, delivery_attempt, source_subscription,
       publish_timestamp, location_id, event_type, pipeline_version
FROM streaming_errors WHERE event_id = @event_id ORDER BY error_timestamp
"""
REPLAYS = """
SELECT replayed_at, kind, stage, replay_of, replay_count, topic, message_id, edit
FROM replays WHERE event_id = @event_id ORDER BY replayed_at
"""
PANES = """
SELECT DISTINCT revision, pane, is_final, window_event_count, late_event_count, aggregation_timestamp
FROM realtime_features_aggregated WHERE location_id = @location_id AND window_start = @window_start
ORDER BY revision
"""


def explain(pipeline: Pipeline, event_id: str) -> Explanation:
    """Raises UsageError, saying where it looked, for an unknown id; and CommandError."""
    warehouse = connect_warehouse(pipeline)
    rows = _records(warehouse.query(FEATURES, event_id=event_id))
    failures = _records(warehouse.query(FAILURES, event_id=event_id))
    replays = _records(warehouse.query(REPLAYS, event_id=event_id))
    if not (rows or failures or replays):
        raise UsageError(
            f"nothing is known about event {event_id}: it is not in realtime_features, streaming_errors or "
            f"replays of {pipeline.project}.{pipeline.dataset}. A new event takes about a second; one that "
            "was sent without an event_id is known by the id of its Pub/Sub message"
        )
    if not rows:
        return Explanation(event_id, rows, failures, replays)
    return Explanation(
        event_id,
        rows,
        failures,
        replays,
        window=_window(pipeline, warehouse, event_id, rows[0]),
        served=connect_online_store(pipeline).fetch(str(rows[0]["location_id"])),
    )


def _window(pipeline: Pipeline, warehouse: Warehouse, event_id: str, row: Record) -> WindowShare:
    event_time = time_in(row, "event_timestamp")
    assert event_time is not None, "the column is required"
    key = WindowKey(window_of(to_micros(event_time)), str(row["location_id"]))
    result = warehouse.query(PANES, location_id=key.location_id, window_start=from_micros(key.start))
    try:
        seen = asyncio.run(_seen(pipeline, key))
    except Retry as error:
        raise CommandError(str(error)) from None
    digests = [] if seen is None else list(seen)
    event_digest = digest(event_id)
    position = digests.index(event_digest) if event_digest in digests else None
    return WindowShare(key, _records(result), position, is_kept=seen is not None)


async def _seen(pipeline: Pipeline, key: WindowKey) -> Sequence[bytes] | None:
    """The digests of the window's events in the order of counting; None without an accumulator."""
    client = connect_firestore(pipeline)
    state = (await WindowLog(client).load([key])).get(key)
    return None if state is None else list(state.seen_digests())


def _records(result: QueryResult) -> list[Record]:
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]
