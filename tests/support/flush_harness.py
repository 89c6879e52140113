"""The windows in a harness: the real log writer, look-up and flush over services in memory; time by hand."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from functions.aggregate import log_reader
from functions.aggregate.summary import Summary
from functions.aggregate.tick import FlushDependencies, flush
from shared.clock import to_micros
from shared.settings import AggregateSettings
from shared.tables.columns import Row
from shared.windows.contribution import Contribution
from shared.windows.documents import Document
from shared.windows.key import digest
from shared.windows.log import LogWriter
from shared.windows.lookup import Lookup, Verdict
from shared.windows.state import Control
from tests.support.faults import Faults
from tests.support.memory_documents import Database, MemoryDocuments
from tests.support.memory_sinks import MemoryDeadLetters, MemoryOnline, MemoryRows, Sinks

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WINDOW = to_micros(NOON)
"""The start of the window that begins at noon."""


def event(
    event_id: str,
    at: datetime = NOON,
    location: str = "1-100",
    event_type: str = "rating_change",
    category: str = "rating",
    arrived: datetime | None = None,
    risk: int = 1,
    sums: tuple[int, int, int] = (0, 0, 0),
) -> Contribution:
    arrival = to_micros(arrived or at)
    identity = digest(location, event_id)
    return Contribution(location, identity, to_micros(at), arrival, event_type, category, risk, 0, *sums)


def read_in_pages(monkeypatch: pytest.MonkeyPatch, events: int = 1, listed: int = 1) -> None:
    """A flush reads the log in rounds of about so many events, and lists so many segments at once."""
    monkeypatch.setattr(log_reader, "MAX_EVENTS", events)
    monkeypatch.setattr(log_reader, "LISTED", listed)


def crowd() -> list[Contribution]:
    """An event each of 1,000 locations: four buckets."""
    return [event("a", location=f"crowd-{number}") for number in range(1_000)]


@dataclass
class FlushHarness:
    """Everything works unless `faults` or a sink says otherwise."""

    lateness: timedelta = timedelta(hours=1)
    shards: int = 1
    now: datetime = NOON
    sinks: Sinks = field(default_factory=Sinks)

    def __post_init__(self) -> None:
        self.database = Database(lambda: to_micros(self.now))
        self.faults = Faults()
        """Of the database as the flush meets it."""
        self.rows = MemoryRows(self.sinks.panes)
        self.online = MemoryOnline(self.sinks.online)
        self.dead_letters = MemoryDeadLetters(self.sinks.dead_letters)
        self._names = count()

    def at(self, minute: float) -> None:
        """Minutes after noon."""
        self.now = NOON + timedelta(minutes=minute)

    def documents(self, faults: Faults | None = None) -> MemoryDocuments:
        return MemoryDocuments(self.database, faults)

    async def append(self, *events: Contribution) -> None:
        writer = LogWriter(self.documents(), lambda: f"{next(self._names):05}")
        await writer.append(events, self.now, self.now)

    async def flush(self, shard: int | None = None) -> Summary:
        settings = AggregateSettings(project_id="p", allowed_lateness=self.lateness, flush_shards=self.shards)
        dependencies = FlushDependencies(
            documents=self.documents(self.faults),
            rows=self.rows,
            online=self.online,
            dead_letters=self.dead_letters,
            clock=lambda: self.now,
            monotonic=lambda: self.now.timestamp(),
            settings=settings,
        )
        return await flush(dependencies, shard, f"flush {next(self._names)}")

    async def flush_at(self, minute: float) -> Summary:
        self.at(minute)
        return await self.flush()

    async def counted(self, *events: Contribution) -> list[Verdict]:
        return await Lookup(self.documents()).counted(events)

    def control(self, name: str = "0.0") -> Control:
        document = self.database.documents.get(f"flush/{name}")
        return Control.from_fields(document.fields) if document else Control()

    async def until(self, has_come: Callable[[], bool]) -> None:
        """Lets a flush that runs as a task go on until then."""
        for _ in range(1_000):
            await asyncio.sleep(0)
            if has_come():
                return
        raise AssertionError("the flush did not come so far")

    def stored(self, collection: str) -> list[Document]:
        return self.database.behind(collection, "", 10_000)

    def panes(self, location: str = "1-100") -> list[tuple[object, ...]]:
        """(pane, revision, events, is_final) of each row in order."""
        return [
            (row["pane"], row["revision"], row["window_event_count"], row["is_final"])
            for row in self.sinks.panes
            if row["location_id"] == location
        ]

    def newest(self) -> dict[object, Row]:
        """The last pane of each location's window at noon; a revision that came twice is the same row."""
        rows: dict[tuple[object, int], Row] = {}
        for row in self.sinks.panes:
            if row["window_start"] == NOON:
                identity = (row["location_id"], int(str(row["revision"])))
                assert rows.setdefault(identity, row) == row
        return {row["location_id"]: row for _, row in sorted(rows.items(), key=lambda each: each[0][1])}

    def texts(self) -> list[str]:
        return [letter.text for letter in self.sinks.dead_letters]
