"""The sinks of `features` in memory, which refuse, fail or are slow to forgive."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import orjson
import pytest

from functions.features.writing import FeatureWriter
from shared.dead_letters.record import DeadLetterRecord
from shared.delivery.batching import Outcome
from shared.errors import ErrorType, Reject, Retry
from shared.events import encode
from shared.message import Message
from shared.online import OnlineFeatures, Unwritten
from shared.settings import FeaturesSettings
from shared.tables.columns import Row
from shared.windows.contribution import Contribution
from shared.windows.key import digest
from shared.windows.lookup import Verdict
from tests.unit.builders import NOW, event, message

STAMP = "1.2.4+0123abcd"
"""Of features; parse's own, in the event, is 1.2.3."""
ON_TIME = "2026-03-11T11:59:58Z"
LATE = "2026-03-11T10:54:59Z"
"""Its window ended at 10:55, 65 minutes before NOW."""


EVENT_IDS: dict[bytes, str] = {}
"""Of the events that a test has made, by their digests."""


class Rows:
    """realtime_features."""

    def __init__(self, order: list[str]) -> None:
        self.rows: list[Row] = []
        self.refuses: Callable[[Row], bool] = lambda _: False
        self.error: Retry | None = None
        self.takes: Callable[[], None] = lambda: None
        """Called while rows are written: time may pass."""
        self._order = order

    async def append_rows(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        self._order.append("rows")
        self.takes()
        if self.error:
            raise self.error
        good = [row for row in rows if not self.refuses(row)]
        self.rows += good
        return [None if row in good else Reject(ErrorType.SINK_REJECTED, "no good") for row in rows]


class Log:
    """The window log, and what the windows say of late events."""

    def __init__(self, order: list[str]) -> None:
        self.segments: list[list[str]] = []
        self.times: list[tuple[datetime, datetime]] = []
        """Of each append, when its events were judged and when it began."""
        self.verdicts: dict[str, Verdict] = {}
        self.asked: list[list[str]] = []
        self.takes: Callable[[], None] = lambda: None
        """Called while late events are looked up: time may pass."""
        self.error: Retry | None = None
        self._order = order

    async def append(self, contributions: Sequence[Contribution], judged: datetime, now: datetime) -> None:
        self._order.append("log")
        self.times.append((judged, now))
        if self.error:
            raise self.error
        self.segments.append([EVENT_IDS[event.digest] for event in contributions])

    async def counted(self, events: Sequence[Contribution]) -> list[Verdict]:
        names = [EVENT_IDS[event.digest] for event in events]
        self.asked.append(names)
        self.takes()
        return [self.verdicts.get(name, False) for name in names]


class Online:
    """The feature view."""

    def __init__(self) -> None:
        self.entries: list[OnlineFeatures] = []
        self.fails = set[str]()
        """Locations."""

    async def write(self, entries: Sequence[OnlineFeatures]) -> Unwritten | None:
        self.entries += entries
        failed = [entry for entry in entries if entry.location_id in self.fails]
        return Unwritten.of(failed, "the store is down") if failed else None


class Failures:
    """The dead-letter topic."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.records: list[DeadLetterRecord] = []
        self.error: Retry | None = None
        self.gathers = 1
        """So many must be on their way before any arrives."""
        self._under_way = 0
        self._all_under_way = asyncio.Event()

    async def send_rejected(self, message: Message, reject: Reject) -> None:
        if self.error:
            raise self.error
        self._under_way += 1
        if self._under_way >= self.gathers:
            self._all_under_way.set()
        await asyncio.wait_for(self._all_under_way.wait(), 10)
        self.sent.append((orjson.loads(message.data)["event_id"], reject.error_type.value))
        self.texts.append(str(reject))

    async def send(self, record: DeadLetterRecord) -> None:
        if self.error:
            raise self.error
        self.records.append(record)


class Sinks:
    """All four, and the writer to them."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.now = NOW
        self.rows = Rows(self.order)
        self.log = Log(self.order)
        self.online = Online()
        self.failures = Failures()
        self.writer = FeatureWriter(
            rows=self.rows,
            log=self.log,
            late_events=self.log,
            online=self.online,
            dead_letters=self.failures,
            settings=FeaturesSettings(project_id="p", pipeline_version=STAMP, batch_linger_ms=0),
            clock=lambda: self.now,
        )

    async def write(self, *messages: Message) -> list[BaseException | None]:
        """The outcome of each, sent together: one batch."""
        return await asyncio.gather(
            *(self.writer.process(delivery) for delivery in messages), return_exceptions=True
        )

    def lateness(self) -> dict[object, object]:
        return {row["event_id"]: row["is_late"] for row in self.rows.rows}


@pytest.fixture
def sinks() -> Sinks:
    return Sinks()


def parsed(
    event_id: str, timestamp: str = ON_TIME, metrics: Mapping[str, object] | None = None, **fields: object
) -> Message:
    """An event of the parsed topic."""
    values = {"severity": "high"} | dict(metrics or {})
    built = event("compliance_alert", values, event_id=event_id, timestamp=timestamp, **fields)
    EVENT_IDS[digest(built.location_id, event_id)] = event_id
    return message(encode(built), message_id=f"message-of-{event_id}")
