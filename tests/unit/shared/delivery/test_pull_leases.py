"""The law of leases: none runs out while its message waits, is worked on or becomes a dead letter."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest

from shared.delivery.batching import BatchLimits, GroupCommit, Outcome
from shared.delivery.pull import Delivery, Settled, Settlements
from shared.errors import ErrorType, Reject, Retry
from shared.gcp import bigquery, firestore, pubsub
from shared.gcp.streaming_pull import LEASE_SECONDS
from shared.message import Message
from shared.windows import lookup
from tests.support.pulled import END, MemorySubscription, message, pulling
from tests.support.virtual_time import run

REJECT = Reject(ErrorType.SCHEMA_ERROR, "is wrong")
BATCH_SECONDS, LETTER_SECONDS = 26.0, 10.0


class Crowded(MemorySubscription):
    """Sends as Pub/Sub does: whenever fewer are outstanding than `limit` on a stream, after a moment. Now and
    then a stream ends. Times the leases."""

    def __init__(self, limit: int, count: int, random: Random) -> None:
        super().__init__()
        self.leases: list[float] = []
        self._limit = limit
        self._left = count
        self._random = random
        self._sent: dict[str, float] = {}

    async def stream(self, settlements: Settlements) -> AsyncIterator[Sequence[Delivery]]:
        listening = asyncio.create_task(self._listen(settlements))
        loop, sent = asyncio.get_running_loop(), set[str]()
        try:
            while self._left:
                room = self._limit - len(sent & self._sent.keys())
                count = self._random.randint(0, min(self._left, room))
                numbers = range(self._left - count, self._left)
                deliveries = [Delivery(message(number), f"ack-{number}") for number in numbers]
                self._left -= count
                sent |= {delivery.ack_id for delivery in deliveries}
                self._sent |= {delivery.ack_id: loop.time() for delivery in deliveries}
                yield deliveries
                await asyncio.sleep(self._random.choice((0.001, 1.0, 20.0)))
                if self._random.random() < 0.2:
                    raise END
            await asyncio.Event().wait()
        finally:
            listening.cancel()

    def _hear(self, settled: Settled) -> None:
        now = asyncio.get_running_loop().time()
        for ack_id in (*settled.done, *settled.again):
            if ack_id in self._sent:
                self.leases.append(now - self._sent.pop(ack_id))
        super()._hear(settled)


@pytest.mark.parametrize("seed", range(30))
def test_no_lease_runs_out_however_slow_the_sinks_and_the_dead_letters_are(seed: int) -> None:
    """A batch takes all the time that it has, and rejects some, whose dead letters take all of theirs."""
    limits = BatchLimits(max_items=10)

    async def history() -> Crowded:
        random = Random(seed)
        subscription = Crowded(2 * limits.max_items, 200, random)

        async def commit(messages: Sequence[Message]) -> list[Outcome]:
            await asyncio.sleep(BATCH_SECONDS)
            return [REJECT if random.random() < 0.3 else None for _ in messages]

        async def send(letters: Sequence[Message]) -> list[Outcome]:
            await asyncio.sleep(LETTER_SECONDS)
            return [Retry("the topic is away") for _ in letters]

        batches, letters = GroupCommit(commit, limits), GroupCommit(send, limits)
        async with pulling(
            subscription,
            lambda taken: batches.submit(taken, 1),
            lambda rejected, _: letters.submit(rejected, 1),
        ):
            while len(subscription.leases) < 200:
                subscription.settled.clear()
                await subscription.settled.wait()
        return subscription

    longest = max(run(Random(seed), history()).leases)
    assert longest <= 2 * BATCH_SECONDS + 2 * LETTER_SECONDS + 0.1
    assert longest < LEASE_SECONDS


def test_the_lease_covers_the_deadlines_of_the_services() -> None:
    batch = lookup.DEADLINE + bigquery.DEADLINE + firestore.DEADLINE
    assert (batch, pubsub.DEADLINE) == (BATCH_SECONDS, LETTER_SECONDS)
