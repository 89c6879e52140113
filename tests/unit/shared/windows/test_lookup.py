"""Whether a late event was counted: yes or no once it can't change, and until then a retry."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from shared.errors import Retry
from shared.windows.contribution import Contribution
from shared.windows.documents import Field, Reading, Write
from shared.windows.lookup import Lookup
from tests.support.flush_harness import NOON, FlushHarness, crowd, event
from tests.support.memory_documents import Database, MemoryDocuments


def timely(count: int) -> list[Contribution]:
    return [event(f"e{number}", location=f"1-{number % 5}") for number in range(count)]


class Counting(MemoryDocuments):
    """Keeps the names that each read asked for."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.reads: list[Sequence[str]] = []

    async def read(self, names: Sequence[str]) -> Reading:
        self.reads.append(names)
        return await super().read(names)


STRANGER = event("stranger", location="1-0")
ELSEWHERE = event("e1", at=NOON - timedelta(days=1))


async def test_before_anything_was_folded_nobody_knows() -> None:
    (verdict,) = await FlushHarness().counted(event("a"))
    assert isinstance(verdict, Retry)


async def test_the_answer_waits_until_the_window_is_settled() -> None:
    harness = FlushHarness()
    await harness.append(*timely(2))
    for minute in (1, 6, 65.5):
        await harness.flush_at(minute)
        assert all(isinstance(verdict, Retry) for verdict in await harness.counted(*timely(2), STRANGER))
    await harness.flush_at(66)
    assert await harness.counted(*timely(2), STRANGER) == [True, True, False]


async def test_what_was_logged_before_the_allowed_lateness_was_lowered_is_waited_for() -> None:
    """`features` has the new one before the flush has settled anything by it."""
    harness = FlushHarness()
    await harness.flush_at(29)
    harness.at(30)
    await harness.append(*timely(1))
    harness.lateness = timedelta(minutes=10)
    assert all(isinstance(verdict, Retry) for verdict in await harness.counted(*timely(1), STRANGER))
    await harness.flush_at(31)
    assert await harness.counted(*timely(1), STRANGER) == [True, False]
    assert harness.panes("1-0") == [("on_time", 1, 1, True)]
    assert harness.texts() == []


async def test_a_window_that_never_was_counts_nothing() -> None:
    harness = FlushHarness()
    await harness.append(*timely(1))
    await harness.flush_at(66)
    assert await harness.counted(ELSEWHERE) == [False]


async def test_a_few_documents_at_a_time_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a busy location's window they have megabytes, and a batch's events may be of as many windows."""
    monkeypatch.setattr("shared.windows.bucket_reading.AT_ONCE", 3)
    harness = FlushHarness()
    events = [event(f"e{number}", at=NOON + number * timedelta(minutes=5)) for number in range(10)]
    await harness.append(*events)
    await harness.flush_at(120)
    documents = Counting(harness.database)
    lookup = Lookup(documents)
    assert await lookup.counted([*events, STRANGER]) == [True] * 10 + [False]
    buckets = [names for names in documents.reads if any("-000-" in name for name in names)]
    assert len({name for names in buckets for name in names}) == 10
    assert max(map(len, buckets)) == 3


@pytest.mark.parametrize("shards", [1, 3])
async def test_digests_in_further_parts_and_chunks_of_every_shard_are_found(
    monkeypatch: pytest.MonkeyPatch, shards: int
) -> None:
    monkeypatch.setattr("functions.aggregate.bucket.CHUNK", 3)
    monkeypatch.setattr("functions.aggregate.bucket.MAX_ENTRIES", 200)
    harness = FlushHarness(shards=shards, now=NOON - timedelta(minutes=10))
    await harness.flush()
    events = timely(40)
    for minute in range(4):
        harness.at(minute)
        await harness.append(*events[minute::4])
        await harness.flush()
    await harness.flush_at(66)
    names = [document.name for document in harness.stored("window_state")]
    assert any("~" in name for name in names)
    assert any("+" in name for name in names)
    assert await harness.counted(*events, STRANGER) == [True] * 40 + [False]


async def test_the_buckets_of_a_settled_window_are_found_by_its_level() -> None:
    harness = FlushHarness()
    await harness.append(*crowd())
    await harness.flush_at(66)
    assert await harness.counted(*crowd()) == [True] * 1_000


async def test_an_event_of_the_same_id_in_another_location_is_another_event() -> None:
    harness = FlushHarness()
    await harness.append(event("a", location="1-1"))
    await harness.flush_at(66)
    assert await harness.counted(event("a", location="1-2")) == [False]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"format": 2}, "its format is 2"),
        ({"seen": b"odd"}, "3 bytes of digests"),
        ({"chunks": 1}, "~0 is missing"),
        ({"parts": 1}, r"+1 is missing"),
    ],
)
async def test_a_bucket_that_cannot_be_read_holds_up_its_own_events_alone(
    damage: dict[str, Field], said: str
) -> None:
    harness = FlushHarness()
    await harness.append(event("a"), event("b", at=NOON + timedelta(minutes=5)))
    await harness.flush_at(80)
    name = "window_state/0.0-000-20260601T1200"
    harness.database.commit([Write(name, {**harness.database.documents[name].fields, **damage})])
    damaged, other = await harness.counted(event("a"), event("b", at=NOON + timedelta(minutes=5)))
    assert isinstance(damaged, Retry)
    assert said in str(damaged)
    assert other is True


async def test_control_documents_of_a_newer_format_are_a_retry_that_says_so() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    await harness.flush_at(66)
    harness.database.commit([Write("flush/0.0", {"format": 2})])
    verdicts = await harness.counted(event("a"), STRANGER)
    assert ["its format is 2, this release reads 1" in str(verdict) for verdict in verdicts] == [True, True]
    assert all(isinstance(verdict, Retry) for verdict in verdicts)


async def test_while_the_database_fails_nobody_knows() -> None:
    class Away(MemoryDocuments):
        async def read(self, _: Sequence[str]) -> Reading:
            raise Retry("Firestore is away")

    harness = FlushHarness()
    verdicts = await Lookup(Away(harness.database)).counted([event("a"), event("b")])
    assert [str(verdict) for verdict in verdicts] == ["Firestore is away"] * 2
