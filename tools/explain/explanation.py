"""All that is known of one event: its rows, its window's panes, what is served, its failures and replays."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.clock import from_micros, to_micros
from shared.errors import Retry
from shared.gcp.firestore import WindowLog
from shared.tables.columns import CATEGORY_COLUMNS, DERIVED_COLUMNS
from shared.windows.key import WindowKey, digest, window_of
from tools.errors import CommandError, UsageError
from tools.pipeline.connect import connect_firestore, connect_online_store, connect_warehouse
from tools.pipeline.deployment import Pipeline
from tools.pipeline.online_store import OnlineValue
from tools.pipeline.warehouse import QueryResult, Warehouse

Record = Mapping[str, object]
"""Column to value."""

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


@dataclass(frozen=True, slots=True)
class WindowShare:
    """The event's window, and its place among the window's events."""

    key: WindowKey
    panes: Sequence[Record]
    place: int | None
    """How many events were counted before it; None where the accumulator does not hold it."""
    is_kept: bool
    """Whether there is an accumulator: none before the first flush, and none a week after the last pane."""

    def counted_in(self, pane: Record) -> bool:
        """A window only grows, in the order in which its events were counted."""
        count = pane["window_event_count"]
        return self.place is not None and isinstance(count, int) and count > self.place

    def first_counted(self) -> Record | None:
        """The first pane that holds the event."""
        return next((pane for pane in self.panes if self.counted_in(pane)), None)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known; `rows` holds the row that counts first, then those of redeliveries and replays."""

    event_id: str
    rows: Sequence[Record]
    failures: Sequence[Record]
    replays: Sequence[Record]
    window: WindowShare | None = None
    served: Sequence[OnlineValue] = field(default_factory=tuple)

    @property
    def event_time(self) -> datetime | None:
        return _time(self.rows[0], "event_timestamp") if self.rows else None

    def own_values(self) -> list[OnlineValue]:
        """The features that the online store serves of this very event.

        Two events of a location may have the same time: the value must be the row's as well.
        """
        if not self.rows:
            return []
        row = self.rows[0]
        own = {"event_type", "feature_category", *(column.name for column in DERIVED_COLUMNS)}
        own |= {column.name for column in CATEGORY_COLUMNS.get(str(row["feature_category"]), ())}
        return [
            value
            for value in self.served
            if value.generate_time == self.event_time and value.name in own and value.value == row[value.name]
        ]

    def timeline(self) -> list[tuple[str, datetime, float | None]]:
        """What happened when, and the seconds since the step before, as far as it is known."""
        if not self.rows:
            return []
        row = self.rows[0]
        steps = [
            ("happened, says its producer", _time(row, "event_timestamp")),
            ("published", _time(row, "publish_timestamp")),
            ("parsed", _time(row, "processing_timestamp")),
        ]
        pane = self.window.first_counted() if self.window else None
        if pane is not None:
            steps.append(
                (f"counted, in pane {pane['revision']} of its window", _time(pane, "aggregation_timestamp"))
            )
        known = [(step, at) for step, at in steps if at is not None]
        before = [None, *(at for _, at in known)]
        return [
            (step, at, None if earlier is None else (at - earlier).total_seconds())
            for (step, at), earlier in zip(known, before, strict=False)
        ]


def explain(pipeline: Pipeline, event_id: str) -> Explanation:
    """Raises UsageError, saying where it looked, for an id of which nothing is known; and CommandError."""
    warehouse = connect_warehouse(pipeline)
    rows = _records(warehouse.query(FEATURES, event_id=event_id))
    failures = _records(warehouse.query(FAILURES, event_id=event_id))
    replays = _records(warehouse.query(REPLAYS, event_id=event_id))
    if not (rows or failures or replays):
        raise UsageError(
            f"nothing is known of event {event_id}: it is not in realtime_features, streaming_errors or "
            f"replays of {pipeline.project}.{pipeline.dataset}. A new event takes about a second; one that "
            "was sent without an event_id is known by the id of its Pub/Sub message"
        )
    if not rows:
        return Explanation(event_id, rows, failures, replays)
    location = str(rows[0]["location_id"])
    return Explanation(
        event_id,
        rows,
        failures,
        replays,
        window=_window(pipeline, warehouse, event_id, rows[0]),
        served=connect_online_store(pipeline).fetch(location),
    )


def _window(pipeline: Pipeline, warehouse: Warehouse, event_id: str, row: Record) -> WindowShare:
    event_time = _time(row, "event_timestamp")
    assert event_time is not None, "the column is required"
    key = WindowKey(window_of(to_micros(event_time)), str(row["location_id"]))
    result = warehouse.query(PANES, location_id=key.location_id, window_start=from_micros(key.start))
    try:
        seen = asyncio.run(_seen(pipeline, key))
    except Retry as error:
        raise CommandError(str(error)) from None
    digests = [] if seen is None else list(seen)
    own = digest(event_id)
    place = digests.index(own) if own in digests else None
    return WindowShare(key, _records(result), place, is_kept=seen is not None)


async def _seen(pipeline: Pipeline, key: WindowKey) -> Sequence[bytes] | None:
    """The digests of the window's events in the order of counting; None without an accumulator."""
    client = connect_firestore(pipeline)
    state = (await WindowLog(client).load([key])).get(key)
    return None if state is None else list(state.seen_digests())


def _records(result: QueryResult) -> list[Record]:
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


def _time(record: Record, column: str) -> datetime | None:
    value = record[column]
    return value if isinstance(value, datetime) else None
