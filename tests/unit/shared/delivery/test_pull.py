"""The pull driver over a subscription in memory that ends streams, loses what it is told, and is silent."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest

from shared.delivery import pull
from shared.delivery.batching import BatchLimits, GroupCommit, Outcome
from shared.delivery.intake import Intake, Process, SendRejected
from shared.delivery.pull import Delivery, PullEnded, Puller, Settled, Settlements
from shared.errors import Busy, ErrorType, Reject, Retry
from shared.gcp import bigquery, firestore, pubsub
from shared.gcp.streaming_pull import LEASE_SECONDS
from shared.message import Message
from shared.windows import lookup
from tests.support.virtual_time import run

REJECT = Reject(ErrorType.SCHEMA_ERROR, "is wrong")
END = PullEnded("ABORTED, so that you try again")


def message(number: int) -> Message:
    return Message(b"{}", str(number), {}, None, "projects/p/subscriptions/s", None)


class Fake:
    """Streams as a test lets them go: messages go out by `send`, `end` ends what is open."""

    name = "projects/p/subscriptions/s"

    def __init__(self) -> None:
        self.done: set[str] = set()
        """Acknowledging again is harmless, so how often does not matter."""
        self.again = Counter[str]()
        self.streams = 0
        self.refusals: list[PullEnded] = []
        """What the next calls of `settle` raise."""
        self.settled_after: list[int] = []
        """How many streams there had been, at each call of `settle` that went well."""
        self.loses_what_is_said = False
        self._events: asyncio.Queue[Sequence[Delivery] | PullEnded] = asyncio.Queue()
        self.settled = asyncio.Event()
        self.opened = asyncio.Event()

    def send(self, *numbers: int) -> None:
        self._events.put_nowait([Delivery(message(number), f"ack-{number}") for number in numbers])

    def end(self) -> None:
        self._events.put_nowait(END)

    async def stream(self, settlements: Settlements) -> AsyncIterator[Sequence[Delivery]]:
        self.streams += 1
        self.opened.set()
        listening = asyncio.create_task(self._listen(settlements))
        try:
            while isinstance(event := await self._events.get(), list):
                yield event
            raise END
        finally:
            listening.cancel()

    async def settle(self, settled: Settled) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.settled_after.append(self.streams)
        self._hear(settled)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for what the driver says."""
        async with asyncio.timeout(5):
            while not holds():
                self.settled.clear()
                await self.settled.wait()

    async def _listen(self, settlements: Settlements) -> None:
        while True:
            settled = await settlements.wait()
            if not self.loses_what_is_said:
                self._hear(settled)
            self.settled.set()

    def _hear(self, settled: Settled) -> None:
        self.done.update(settled.done)
        self.again.update(settled.again)
        self.settled.set()


class Worked:
    """A process whose messages end when a test lets them: with the error of `errors`, or well."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.cancelled = 0
        self._begun = asyncio.Condition()

    async def begun(self, count: int) -> None:
        """Returns when so many messages have been taken up."""
        async with asyncio.timeout(5), self._begun:
            await self._begun.wait_for(lambda: len(self.taken) >= count)

    async def process(self, message: Message) -> None:
        self.taken.append(message.message_id)
        async with self._begun:
            self._begun.notify_all()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if error := self.errors.get(message.message_id):
            raise error


@asynccontextmanager
async def pulling(
    subscription: Fake, process: Process, send_rejected: SendRejected | None = None
) -> AsyncIterator[asyncio.Event]:
    """A running puller and the event that stops it."""
    stop = asyncio.Event()
    puller = Puller(Intake(process, send_rejected), subscription, jitter=lambda: 0.0)
    running = asyncio.create_task(puller.run(stop))
    try:
        yield stop
        stop.set()
        await running
    finally:
        running.cancel()


async def test_a_message_is_acknowledged_after_its_outcome_and_not_before() -> None:
    subscription, worked = Fake(), Worked()
    worked.gate.clear()
    async with pulling(subscription, worked.process):
        subscription.send(1, 2)
        await worked.begun(2)
        assert subscription.done == set()
        worked.gate.set()
        await subscription.until(lambda: len(subscription.done) == 2)
    assert subscription.done == {"ack-1", "ack-2"}
    assert subscription.again == {}


@pytest.mark.parametrize("error", [Retry("the sink is down"), Busy("full"), ValueError("a bug"), REJECT])
async def test_a_message_that_failed_is_given_back_and_never_acknowledged(error: Exception) -> None:
    """A bug, and a reject without a dead-letter topic, are no reason to lose it."""
    subscription, worked = Fake(), Worked()
    worked.errors = {"2": error}
    async with pulling(subscription, worked.process):
        subscription.send(1, 2, 3)
        await subscription.until(lambda: subscription.again.total() == 1 and len(subscription.done) == 2)
    assert subscription.again == {"ack-2": 1}
    assert subscription.done == {"ack-1", "ack-3"}


async def test_a_bug_is_loud(caplog: pytest.LogCaptureFixture) -> None:
    subscription, worked = Fake(), Worked()
    worked.errors = {"2": ValueError("a bug")}
    async with pulling(subscription, worked.process):
        subscription.send(2)
        await subscription.until(lambda: subscription.again.total() == 1)
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert line.getMessage() == "message 2 met a bug and Pub/Sub will deliver it again"
    assert line.exc_info


async def test_a_reject_is_acknowledged_after_its_dead_letter() -> None:
    subscription, worked = Fake(), Worked()
    worked.errors = {"1": REJECT, "2": REJECT}
    sent: list[str] = []

    async def send(message: Message, _: Reject) -> None:
        if message.message_id == "2":
            raise Retry("the topic is away")
        assert subscription.done == set()
        sent.append(message.message_id)

    async with pulling(subscription, worked.process, send):
        subscription.send(1, 2)
        await subscription.until(lambda: len(subscription.done) + subscription.again.total() == 2)
    assert (sent, subscription.done, subscription.again) == (["1"], {"ack-1"}, {"ack-2": 1})


async def test_a_stream_that_ends_is_followed_by_one_once_what_is_in_flight_is_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise what is outstanding on both would be more than the leases allow."""
    monkeypatch.setattr(pull, "FIRST_PAUSE", 0.0)
    subscription, worked = Fake(), Worked()
    async with pulling(subscription, worked.process):
        await subscription.opened.wait()
        worked.gate.clear()
        subscription.send(1)
        subscription.end()
        await worked.begun(1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert subscription.streams == 1
        worked.gate.set()
        await subscription.until(lambda: len(subscription.done) == 1)
        subscription.send(2)
        await subscription.until(lambda: "ack-2" in subscription.done)
    assert subscription.streams == 2
    assert worked.taken == ["1", "2"]


async def test_what_a_stream_may_have_lost_is_said_again() -> None:
    subscription, worked = Fake(), Worked()
    subscription.loses_what_is_said = True
    async with pulling(subscription, worked.process):
        subscription.send(1, 2)
        await subscription.settled.wait()  # said, and lost
        assert subscription.done == set()
        subscription.end()
        await subscription.until(lambda: len(subscription.done) == 2)
    assert subscription.done == {"ack-1", "ack-2"}


async def test_a_settlement_that_fails_is_tried_again_before_the_next_stream() -> None:
    subscription, worked = Fake(), Worked()
    async with pulling(subscription, worked.process):
        await subscription.opened.wait()
        worked.gate.clear()
        worked.errors = {"2": Retry("down")}
        subscription.send(1, 2)
        subscription.end()
        subscription.refusals = [END, END]
        await worked.begun(2)
        worked.gate.set()
        await subscription.until(lambda: len(subscription.done) + subscription.again.total() == 2)
        assert subscription.refusals == []
        assert subscription.settled_after == [1]
    assert (subscription.done, subscription.again) == ({"ack-1"}, {"ack-2": 1})


async def test_the_end_takes_nothing_more_and_settles_what_is_in_flight() -> None:
    subscription, worked = Fake(), Worked()
    worked.gate.clear()
    async with pulling(subscription, worked.process) as stop:
        subscription.send(1, 2)
        await worked.begun(2)
        stop.set()
        for _ in range(5):
            await asyncio.sleep(0)
        subscription.send(3)
        asyncio.get_running_loop().call_later(0.05, worked.gate.set)
    assert worked.taken == ["1", "2"]
    assert subscription.done == {"ack-1", "ack-2"}


async def test_what_does_not_end_in_time_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "FINISH_SECONDS", 0.05)
    subscription, worked = Fake(), Worked()
    worked.gate.clear()
    async with pulling(subscription, worked.process) as stop:
        subscription.send(1)
        await worked.begun(1)
        stop.set()
    assert worked.cancelled == 1
    assert (subscription.done, subscription.again) == (set(), {"ack-1": 1})


async def test_a_silent_pubsub_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pull, "LAST_WORD_SECONDS", 0.05)

    class Silent(Fake):
        async def settle(self, settled: Settled) -> None:
            assert settled.done
            await asyncio.Event().wait()

    subscription, worked = Silent(), Worked()
    worked.gate.clear()
    async with pulling(subscription, worked.process) as stop:
        subscription.send(1)
        await worked.begun(1)
        stop.set()
        for _ in range(5):
            await asyncio.sleep(0)
        worked.gate.set()
    assert caplog.messages[-1] == (
        "what was done last on projects/p/subscriptions/s is not acknowledged (no answer): "
        "Pub/Sub will deliver it again"
    )


async def test_pauses_grow_and_are_bounded() -> None:
    puller = Puller(Intake(Worked().process), Fake(), jitter=lambda: 1.0)
    pauses = []
    for _ in range(12):
        puller._log_ending(END)
        pauses.append(puller._pause())
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == pull.LONGEST_PAUSE
    puller._log_start()
    puller._log_ending(END)
    assert puller._pause() == 0.1


async def test_a_bug_of_the_driver_ends_it() -> None:
    class Broken(Fake):
        async def stream(self, settlements: Settlements) -> AsyncIterator[Sequence[Delivery]]:
            raise KeyError(settlements)
            yield

    with pytest.raises(ExceptionGroup) as raised:
        await Puller(Intake(Worked().process), Broken()).run(asyncio.Event())
    assert raised.group_contains(KeyError)


BATCH_SECONDS, LETTER_SECONDS = 26.0, 10.0


class Crowded(Fake):
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
