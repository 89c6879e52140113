"""Two batches in flight: each keeps its own order and outcome, and both keep to the time they have.

batch 1   judge ── look up ── rows ─────── log
batch 2        judge ── look up ── (waits) rows ── log
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

import pytest

from functions.features.writing import FeatureWriter
from shared.delivery.batching import Outcome
from shared.errors import ErrorType, Reject, Retry
from shared.events import encode
from shared.gcp import bigquery, firestore
from shared.message import Message
from shared.settings import FeaturesSettings
from shared.tables.columns import Row
from shared.windows import lookup
from shared.windows.documents import Committed, Document, Documents, Reading, Write
from shared.windows.log import MAX_LOGGING_DELAY, LogWriter, counts
from shared.windows.lookup import Lookup
from shared.windows.segment import decode
from shared.windows.state import Control
from tests.support.memory_documents import Database, MemoryDocuments
from tests.support.memory_sinks import MemoryDeadLetters, MemoryOnline, Sinks
from tests.support.virtual_time import run
from tests.unit.builders import NOW, event, message

T = TypeVar("T")

LATE = "2026-03-11T10:54:59Z"
"""Its window ended at 10:55, 65 minutes before NOW."""
A_MOMENT = 0.1
"""Seconds, by which each service is faster than it has to be."""


class Slow:
    """Documents whose reads and commits take their time."""

    def __init__(self, documents: Documents, read: float, commit: float) -> None:
        self._documents = documents
        self._read = read
        self._commit = commit

    async def read(self, names: Sequence[str]) -> Reading:
        await asyncio.sleep(self._read)
        return await self._documents.read(names)

    async def list(self, collection: str, after: str, limit: int) -> Sequence[Document]:
        return await self._documents.list(collection, after, limit)

    async def commit(self, writes: Sequence[Write]) -> Committed:
        await asyncio.sleep(self._commit)
        return await self._documents.commit(writes)


class Table:
    """realtime_features; `takes` says how long a batch waits for its answer, by its number."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.batches = 0
        self.takes: Callable[[int], float] = lambda _: 0
        self.outcome: Callable[[Row], Outcome] = lambda _: None
        self.at_once = 0
        self.most_at_once = 0

    async def append_rows(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        number, self.batches = self.batches, self.batches + 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.takes(number))
        self.at_once -= 1
        outcomes = [self.outcome(row) for row in rows]
        self.rows += [row for row, outcome in zip(rows, outcomes, strict=True) if outcome is None]
        return outcomes


class Chain:
    """`features` with batches of two events, on virtual time; `read` and `commit` are Firestore's seconds."""

    def __init__(self, read: float = 0, commit: float = 0) -> None:
        self.table = Table()
        self.sinks = Sinks()
        self.database = Database(lambda: int(self.now().timestamp() * 1_000_000))
        documents = Slow(MemoryDocuments(self.database), read, commit)
        settings = FeaturesSettings(project_id="p", batch_max_events=2)
        self.writer = FeatureWriter(
            rows=self.table,
            log=LogWriter(documents),
            late_events=Lookup(documents),
            online=MemoryOnline(self.sinks.online),
            dead_letters=MemoryDeadLetters(self.sinks.dead_letters),
            settings=settings,
            clock=self.now,
        )

    def now(self) -> datetime:
        return NOW + timedelta(seconds=asyncio.get_running_loop().time())

    async def write(self, *messages: Message) -> list[BaseException | None]:
        """The outcome of each; they arrive at the same time, in this order."""
        requests = []
        for arriving in messages:
            requests.append(asyncio.create_task(self.writer.process(arriving)))
            await asyncio.sleep(0)
        return await asyncio.gather(*requests, return_exceptions=True)

    def segments(self) -> list[set[bytes]]:
        """The digests of each segment that counts."""
        found = [
            document for name, document in self.database.documents.items() if name.startswith("window_log/")
        ]
        return [{entry.digest for entry in decode(document.fields)} for document in found if counts(document)]


def parsed(event_id: str, timestamp: str = "2026-03-11T11:59:58Z") -> Message:
    alert = event("compliance_alert", {"severity": "high"}, event_id=event_id, timestamp=timestamp)
    return message(encode(alert), message_id=f"message-of-{event_id}")


def on_virtual_time(history: Callable[[], Awaitable[T]], seed: int = 0) -> T:
    async def main() -> T:
        return await history()

    return run(Random(seed), main())


@pytest.mark.parametrize("seed", range(20))
def test_copies_of_an_event_in_both_batches_are_rows_and_segments_of_one_identity(seed: int) -> None:
    async def history() -> Chain:
        chain = Chain()
        chain.table.takes = lambda number: (0.5, 0.1)[number]
        assert await chain.write(*map(parsed, ("a", "a", "a", "b"))) == [None] * 4
        return chain

    chain = on_virtual_time(history, seed)
    assert chain.table.most_at_once == 2
    assert sorted(str(row["event_id"]) for row in chain.table.rows) == ["a", "a", "a", "b"]
    assert len(set().union(*chain.segments())) == 2  # the fold counts a digest once


def test_a_batch_is_done_though_the_one_before_it_waits_for_its_rows() -> None:
    async def history() -> list[bool]:
        chain = Chain()
        chain.table.takes = lambda number: (9.0, 0.1)[number]
        first = [asyncio.create_task(chain.writer.process(parsed(name))) for name in ("a", "b")]
        await asyncio.sleep(0)
        assert await chain.write(*map(parsed, ("c", "d"))) == [None, None]
        waiting = [not task.done() for task in first]
        await asyncio.gather(*first)
        return waiting

    assert on_virtual_time(history) == [True, True]


def test_a_refused_row_and_an_outage_stay_in_their_own_batches() -> None:
    async def history() -> tuple[Chain, list[BaseException | None]]:
        chain = Chain()

        def outcome(row: Row) -> Outcome:
            if row["event_id"] == "away":
                raise Retry("BigQuery is away")
            return Reject(ErrorType.SINK_REJECTED, "no good") if row["event_id"] == "bad" else None

        chain.table.outcome = outcome
        return chain, await chain.write(*map(parsed, ("a", "bad", "away", "b")))

    chain, outcomes = on_virtual_time(history)
    assert [str(outcome) for outcome in outcomes] == ["None", "no good", *["BigQuery is away"] * 2]
    assert [row["event_id"] for row in chain.table.rows] == ["a"]
    assert [len(digests) for digests in chain.segments()] == [1]


def test_two_batches_whose_services_all_take_the_time_they_have_are_logged_within_26_seconds() -> None:
    # The look-up reads three times: the layout, the control document, the window's. The second batch's rows
    # wait for the first one's inside their own deadline.
    async def history() -> tuple[Chain, float]:
        chain = Chain(
            read=(lookup.DEADLINE - A_MOMENT) / 3,
            commit=firestore.DEADLINE - A_MOMENT,
        )
        chain.table.takes = lambda _: bigquery.DEADLINE - A_MOMENT
        events = [parsed("late-1", LATE), parsed("a"), parsed("late-2", LATE), parsed("b")]
        outcomes = await chain.write(*events)
        assert ["it waits" in str(outcome) for outcome in outcomes] == [
            True,
            False,
        ] * 2  # nothing is folded yet
        assert outcomes[1::2] == [None, None]
        return chain, asyncio.get_running_loop().time()

    chain, took = on_virtual_time(history)
    assert chain.table.most_at_once == 2
    assert len(set().union(*chain.segments())) == 2
    assert took <= 26
    assert timedelta(seconds=lookup.DEADLINE + bigquery.DEADLINE) <= MAX_LOGGING_DELAY


def test_a_look_up_that_takes_longer_than_it_has_leaves_late_events_waiting_and_no_others() -> None:
    async def history() -> tuple[Chain, list[BaseException | None], float]:
        chain = Chain(read=lookup.DEADLINE / 2)
        outcomes = await chain.write(parsed("late", LATE), parsed("a"))
        return chain, outcomes, asyncio.get_running_loop().time()

    chain, outcomes, took = on_virtual_time(history)
    text = "Firestore did not say within 8 s whether late events were counted"
    assert [str(outcome) for outcome in outcomes] == [text, "None"]
    assert [row["event_id"] for row in chain.table.rows] == ["a"]
    assert list(map(len, chain.segments())) == [1]
    assert took == lookup.DEADLINE


def test_timely_events_do_not_wait_for_what_can_not_be_read_about_late_ones() -> None:
    async def history() -> list[BaseException | None]:
        chain = Chain()
        newer = {**Control().to_fields(), "format": 2}
        chain.database.commit([Write("flush/0.0", newer)])
        return await chain.write(parsed("late", LATE), parsed("a"))

    late, timely = on_virtual_time(history)
    assert isinstance(late, Retry)
    assert timely is None
