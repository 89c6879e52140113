"""Finds all that is known about one event: in BigQuery, the windows' documents and the online store."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar, cast

from shared.clock import from_micros
from shared.windows.contribution import Cells, contribution
from shared.windows.documents import Documents, Unreadable
from shared.windows.lookup import Found, Lookup
from tools.errors import CommandError, UsageError
from tools.explain.explanation import Explanation, WindowShare, time_in
from tools.explain.in_flight import InFlight, in_flight
from tools.pipeline.connect import connect_online_store, connect_warehouse, with_documents
from tools.pipeline.deployment import Pipeline
from tools.pipeline.side_by_side import Missing
from tools.pipeline.warehouse import Record, Warehouse

T = TypeVar("T")
FIRESTORE_SECONDS = 5.0
"""For each read, with its retries."""

FEATURES = """
SELECT * FROM realtime_features WHERE event_id = @event_id
ORDER BY COALESCE(is_late, FALSE) DESC, COALESCE(publish_timestamp, processing_timestamp),
  processing_timestamp
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
    """Raises UsageError, saying where it looked, for an unknown id; and CommandError without the tables."""
    warehouse = connect_warehouse(pipeline)
    rows = warehouse.query(FEATURES, event_id=event_id).records()
    failures = warehouse.query(FAILURES, event_id=event_id).records()
    replays = warehouse.query(REPLAYS, event_id=event_id).records()
    waiting = _or_missing(lambda: in_flight(pipeline, event_id, _last_done(rows, failures)))
    if not (rows or failures or replays or (waiting and not isinstance(waiting, Missing))):
        raise UsageError(
            f"nothing is known about event {event_id}: it is not in realtime_features, streaming_errors or "
            f"replays of {pipeline.project}.{pipeline.dataset}, and {_not_waiting(waiting)}. One that was "
            "sent without an event_id is known by the id of its Pub/Sub message"
        )
    if not rows:
        return Explanation(event_id, rows, failures, replays, waiting)
    return Explanation(
        event_id,
        rows,
        failures,
        replays,
        waiting,
        window=_or_missing(lambda: _window(pipeline, warehouse, rows)),
        served=_or_missing(lambda: connect_online_store(pipeline).fetch(str(rows[0]["location_id"]))),
    )


def _last_done(rows: Sequence[Record], failures: Sequence[Record]) -> datetime | None:
    """When a function last was done with the event."""
    times = [time_in(row, "processing_timestamp") for row in rows]
    times += [time_in(failure, "error_timestamp") for failure in failures]
    return max((time for time in times if time is not None), default=None)


def _or_missing(ask: Callable[[], T]) -> T | Missing:
    """What the other services say is worth showing without this one's answer."""
    try:
        return ask()
    except CommandError as error:
        return Missing(str(error))


def _not_waiting(waiting: Sequence[InFlight] | Missing) -> str:
    if isinstance(waiting, Missing):
        return f"whether it is on its way to them can't be said ({waiting.reason})"
    return "not on its way to them"


def _window(pipeline: Pipeline, warehouse: Warehouse, rows: list[Record]) -> WindowShare:
    event = contribution(cast(Cells, rows[0]))

    async def look(documents: Documents) -> Found:
        try:
            return (await Lookup(documents).look([event]))[0]
        except Unreadable as error:
            raise CommandError(
                f"the documents of the event's window can't be read ({error}): use the cqc of the release "
                "that is deployed"
            ) from None

    found = with_documents(pipeline, look, FIRESTORE_SECONDS)
    watermark = found.control.watermark
    start = from_micros(event.key.start)
    panes = warehouse.query(PANES, location_id=event.location_id, window_start=start).records()
    return WindowShare(
        event.key,
        panes,
        stored=min(time for row in rows if (time := time_in(row, "processing_timestamp")) is not None),
        is_late=bool(rows[0]["is_late"]),
        is_counted=found.is_counted,
        is_kept=found.is_kept,
        is_settled=found.control.has_settled(event.key.start),
        watermark=from_micros(watermark) if watermark else None,
    )
