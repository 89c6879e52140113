"""What a flush asks of the database, counted: it grows with the buckets, not with the locations or events."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from shared.windows.documents import Committed, Reading, Write
from shared.windows.state import LOCATIONS_A_BUCKET, level_for
from tests.support.flush_harness import NOON, FlushHarness, event
from tests.support.memory_documents import MemoryDocuments

LOCATIONS = 5_500
"""A tenth of the size that the documents are made for, in a test of some seconds."""
BUCKETS = 1 << level_for(LOCATIONS)


class Counting(MemoryDocuments):
    """Counts documents, but for the segments of the log."""

    asked = 0
    largest = 0

    async def read(self, names: Sequence[str]) -> Reading:
        Counting.asked += len(names)
        return await super().read(names)

    async def commit(self, writes: Sequence[Write]) -> Committed:
        Counting.asked += len(writes)
        sizes = [
            len(value) for write in writes for value in write.fields.values() if isinstance(value, bytes)
        ]
        Counting.largest = max(Counting.largest, *sizes, 0)
        return await super().commit(writes)


async def minute(harness: FlushHarness, number: int) -> int:
    """A minute in which every location has an event, and its flush: the documents read and written."""
    at = NOON + timedelta(minutes=number)
    harness.now = at
    places = [f"1-{place}" for place in range(LOCATIONS)]
    await harness.append(*(event(f"{number}", at - timedelta(seconds=30), place) for place in places))
    before = Counting.asked
    assert (await harness.flush()).status == "done"
    return Counting.asked - before


async def test_a_flush_reads_and_writes_each_bucket_once_whatever_the_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Early panes, the on_time minute with two windows, the settling minute with a third: 600 documents at
    55,000 locations, which are 128 buckets."""
    monkeypatch.setattr("tests.support.flush_harness.MemoryDocuments", Counting)
    harness = FlushHarness(lateness=timedelta(minutes=5))
    asked = [await minute(harness, number) for number in range(1, 13)]
    fixed = 12  # control and layout, read and written with each commit
    assert BUCKETS <= 2 * LOCATIONS / LOCATIONS_A_BUCKET
    assert max(asked) <= 4 * BUCKETS + fixed
    assert sorted(asked)[len(asked) // 2] <= 2 * BUCKETS + fixed
    assert {row["is_final"] for row in harness.sinks.panes} == {True, False}
    assert Counting.largest < 200_000
