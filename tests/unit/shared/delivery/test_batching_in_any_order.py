"""Group commit on virtual time: whatever comes when, and whichever commit ends first."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from shared.delivery.batching import BatchLimits, GroupCommit, Outcome
from shared.errors import ErrorType, Reject, Retry
from tests.support.virtual_time import run
from tests.unit.shared.delivery.test_batching import results


@dataclass
class Batch:
    """What a sink was given, and what it failed with."""

    items: list[str]
    is_full: bool
    error: Retry | None


class AnyOrder:
    """A sink that takes its own time for each batch, so that batches end in any order; some fail."""

    def __init__(self, limits: BatchLimits, random: Random) -> None:
        self.batches: list[Batch] = []
        self.most_in_flight = 0
        self.most_partial = 0
        self._limits = limits
        self._random = random
        self._in_flight: list[Batch] = []

    async def commit(self, items: Sequence[str]) -> list[Outcome]:
        batch = Batch(list(items), self._is_full(items), None)
        if self._random.random() < 0.2:
            batch.error = Retry("away")
        self.batches.append(batch)
        self._in_flight.append(batch)
        self.most_in_flight = max(self.most_in_flight, len(self._in_flight))
        self.most_partial = max(self.most_partial, sum(not batch.is_full for batch in self._in_flight))
        await asyncio.sleep(self._random.choice((0, 0.001, 0.01, 5)))
        self._in_flight.remove(batch)
        if batch.error:
            raise batch.error
        return [Reject(ErrorType.SINK_REJECTED, item) if "bad" in item else None for item in items]

    def _is_full(self, items: Sequence[str]) -> bool:
        """In number, or so that the next item may not have fitted."""
        return len(items) == self._limits.max_items or sum(map(len, items)) > self._limits.max_bytes - LONGEST


LONGEST = 17
"""Bytes of an item at most."""


@st.composite
def all_limits(draw: st.DrawFn) -> BatchLimits:
    return BatchLimits(
        max_items=draw(st.integers(1, 5)),
        max_bytes=draw(st.integers(1, 60)),
        linger_seconds=draw(st.sampled_from((0, 0.005))),
        max_waiting=100,
        max_in_flight=draw(st.integers(1, 3)),
    )


@given(all_limits(), st.integers(0, 60), st.integers(0, 2**32))
def test_every_item_is_committed_once_and_gets_its_own_outcome_in_any_interleaving(
    limits: BatchLimits, count: int, seed: int
) -> None:
    random = Random(seed)
    run(random, _play(limits, count, random))


async def _play(limits: BatchLimits, count: int, random: Random) -> None:
    sink = AnyOrder(limits, random)
    batches: GroupCommit[str] = GroupCommit(sink.commit, limits)
    tasks: dict[str, asyncio.Task[None]] = {}
    arrived: list[str] = []

    async def arrive(item: str) -> None:
        arrived.append(item)
        await batches.submit(item, len(item))

    for number in range(count):
        item = random.choice(("bad", "good")) + str(number) + "x" * random.randrange(12)
        tasks[item] = asyncio.create_task(arrive(item))
        await asyncio.sleep(random.choice((0, 0, 0, 0.001, 0.02)))
    virtual = 10.0 * count + 1  # a commit takes up to 5 s
    outcomes = dict(zip(tasks, await results(list(tasks.values()), virtual), strict=True))
    by_arrival = sorted(sink.batches, key=lambda batch: arrived.index(batch.items[0]))
    assert [item for batch in by_arrival for item in batch.items] == arrived
    assert sink.most_in_flight <= limits.max_in_flight
    assert sink.most_partial <= 1
    for batch in sink.batches:
        assert len(batch.items) <= limits.max_items
        assert len(batch.items) == 1 or sum(map(len, batch.items)) <= limits.max_bytes
        for item in batch.items:
            expected = batch.error or (item if item.startswith("bad") else None)
            assert str(outcomes[item]) == str(expected)
