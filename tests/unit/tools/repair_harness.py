"""The windows in memory for the tests of the commands: a log, flushes, sinks that keep what they get."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from time import monotonic
from typing import TypeVar

from functions.aggregate import tick
from functions.aggregate.summary import Summary
from functions.aggregate.tick import FlushDependencies
from shared.clock import to_micros
from shared.dead_letters.record import DeadLetterRecord
from shared.delivery.batching import Outcome
from shared.online import OnlineFeatures, Unwritten
from shared.settings import AggregateSettings
from shared.tables.columns import Row
from shared.windows.contribution import Contribution, contribution
from shared.windows.key import WindowKey
from shared.windows.log import LogWriter
from tests.support.faults import Faults
from tests.support.memory_documents import Database, MemoryDocuments
from tools.pipeline.flush_state import read_flush_state
from tools.pipeline.warehouse import Record
from tools.windows.comparing import Verification, compare
from tools.windows.recompute import COLUMNS, recompute

T = TypeVar("T")

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LATENESS = timedelta(hours=1)
LOCATION = "1-1"
KEY = WindowKey(to_micros(NOON), LOCATION)


def features_row(event_id: str, location_id: str = LOCATION, is_late: bool = False) -> dict[str, object]:
    """What the view and the arrivals have of an event of KEY's window."""
    at = NOON + timedelta(seconds=30)
    own: dict[str, object] = {
        "event_id": event_id,
        "location_id": location_id,
        "event_type": "rating_change",
        "feature_category": "rating",
        "real_time_risk_score": 4,
        "event_complexity_score": 0,
        "rating_change_direction": "declined",
        "event_timestamp": at,
        "publish_timestamp": at,
        "processing_timestamp": at,
        "is_late": is_late,
        "first_arrival": at,
        "last_arrival": at,
    }
    return dict.fromkeys(COLUMNS) | own


def given(event_id: str, location_id: str = LOCATION) -> Contribution:
    return contribution(features_row(event_id, location_id))  # type: ignore[arg-type]  # cells of a row


@dataclass
class Sinks:
    """Rows, online values and dead letters as they came; each call may fail as a document's may."""

    faults: Faults = field(default_factory=Faults)
    rows: list[Row] = field(default_factory=list)
    online: list[OnlineFeatures] = field(default_factory=list)
    failures: list[DeadLetterRecord] = field(default_factory=list)
    refuses_rows: Exception | None = None
    unwritten: Unwritten | None = None

    async def append_rows(self, rows: Sequence[Row]) -> list[Outcome]:
        if self.refuses_rows is not None:
            return [self.refuses_rows for _ in rows]
        await self.faults.around(lambda: self.rows.extend(rows))
        return [None] * len(rows)

    async def write(self, entries: Sequence[OnlineFeatures]) -> Unwritten | None:
        if self.unwritten is None:
            self.online.extend(entries)
        return self.unwritten

    async def send(self, record: DeadLetterRecord) -> None:
        self.failures.append(record)


@dataclass
class RepairHarness:
    """A pipeline from the log on; the clock stands still."""

    now: datetime = NOON + timedelta(minutes=1)
    shards: int = 1
    sinks: Sinks = field(default_factory=Sinks)

    def __post_init__(self) -> None:
        self.database = Database(lambda: to_micros(self.now))
        self._ids = count()

    def documents(self, faults: Faults | None = None) -> MemoryDocuments:
        return MemoryDocuments(self.database, faults)

    def append(self, *events: Contribution) -> None:
        writer = LogWriter(self.documents(), lambda: f"{next(self._ids):08d}")
        asyncio.run(writer.append(events, self.now, self.now))

    async def flushing(self) -> Summary:
        settings = AggregateSettings(project_id="p", flush_shards=self.shards, allowed_lateness=LATENESS)
        return await tick.flush(
            FlushDependencies(
                self.documents(),
                rows=self.sinks,
                online=self.sinks,
                dead_letters=self.sinks,
                clock=lambda: self.now,
                monotonic=monotonic,
                settings=settings,
            )
        )

    def flush(self) -> Summary:
        return asyncio.run(self.flushing())

    def latest(self) -> dict[WindowKey, Row]:
        """The view of the latest panes; a revision that came twice must have been the same row."""
        found: dict[WindowKey, Row] = {}
        once: dict[tuple[object, ...], Row] = {}
        for row in self.sinks.rows:
            identity = (row["location_id"], row["window_start"], row["revision"])
            assert once.setdefault(identity, row) == row
            start, revision = row["window_start"], row["revision"]
            assert isinstance(start, datetime)
            assert isinstance(revision, int)
            key = WindowKey(to_micros(start), str(row["location_id"]))
            if key not in found or revision >= int(str(found[key]["revision"])):
                found[key] = row
        return found

    def revisions(self) -> dict[object, list[int]]:
        """The revisions of each location that were emitted, in order."""
        found: dict[object, set[int]] = {}
        for row in self.sinks.rows:
            found.setdefault(row["location_id"], set()).add(int(str(row["revision"])))
        return {location_id: sorted(revisions) for location_id, revisions in found.items()}

    def verify(self, *rows: Record) -> Verification:
        state = asyncio.run(read_flush_state(self.documents()))
        return compare(recompute(rows), self.latest().values(), lambda key: state.is_settled(key, LATENESS))


def settled(*events: Contribution, shards: int = 1) -> RepairHarness:
    """A window with these events, two hours later, its final panes emitted."""
    harness = RepairHarness(NOON - timedelta(minutes=10), shards)
    harness.flush()  # from the next window on there are so many shards
    harness.now = NOON + timedelta(minutes=1)
    if events:
        harness.append(*events)
        harness.flush()
    harness.now = NOON + timedelta(hours=2)
    harness.flush()
    return harness


async def killed(work: Coroutine[None, None, T], after: int) -> bool:
    """Runs `work` for so many steps and then leaves it for dead; whether it was done before."""
    task = asyncio.create_task(work)
    for _ in range(after):
        await asyncio.sleep(0)
    if task.done():
        task.result()
        return True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return False
