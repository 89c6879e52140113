"""The pull driver: what it acknowledges, gives back, says again, and how it ends."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import pytest

from shared.delivery import pull
from shared.delivery.intake import Intake
from shared.delivery.pull import Delivery, Puller, Settled, Settlements
from shared.errors import Busy, ErrorType, Reject, Retry
from shared.message import Message
from tests.support.pulled import END, MemorySubscription, pulling

REJECT = Reject(ErrorType.SCHEMA_ERROR, "is wrong")


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


async def test_a_message_is_acknowledged_after_its_outcome_and_not_before() -> None:
    subscription, worked = MemorySubscription(), Worked()
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
    subscription, worked = MemorySubscription(), Worked()
    worked.errors = {"2": error}
    async with pulling(subscription, worked.process):
        subscription.send(1, 2, 3)
        await subscription.until(lambda: subscription.again.total() == 1 and len(subscription.done) == 2)
    assert subscription.again == {"ack-2": 1}
    assert subscription.done == {"ack-1", "ack-3"}


async def test_a_bug_is_loud(caplog: pytest.LogCaptureFixture) -> None:
    subscription, worked = MemorySubscription(), Worked()
    worked.errors = {"2": ValueError("a bug")}
    async with pulling(subscription, worked.process):
        subscription.send(2)
        await subscription.until(lambda: subscription.again.total() == 1)
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert line.getMessage() == "message 2 met a bug and Pub/Sub will deliver it again"
    assert line.exc_info


async def test_a_reject_is_acknowledged_after_its_dead_letter() -> None:
    subscription, worked = MemorySubscription(), Worked()
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
    subscription, worked = MemorySubscription(), Worked()
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
    subscription, worked = MemorySubscription(), Worked()
    subscription.loses_what_is_said = True
    async with pulling(subscription, worked.process):
        subscription.send(1, 2)
        await subscription.settled.wait()  # said, and lost
        assert subscription.done == set()
        subscription.end()
        await subscription.until(lambda: len(subscription.done) == 2)
    assert subscription.done == {"ack-1", "ack-2"}


async def test_a_settlement_that_fails_is_tried_again_before_the_next_stream() -> None:
    subscription, worked = MemorySubscription(), Worked()
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
    subscription, worked = MemorySubscription(), Worked()
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
    subscription, worked = MemorySubscription(), Worked()
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
    monkeypatch.setattr(pull, "LAST_SETTLE_SECONDS", 0.05)

    class Silent(MemorySubscription):
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


async def test_what_is_decided_while_a_call_fails_is_kept_with_what_the_call_had() -> None:
    settlements = Settlements()
    settlements.add("a", is_done=True)
    settlements.add("b", is_done=False)
    failed = settlements.take_rest()
    settlements.add("c", is_done=True)
    settlements.add("d", is_done=False)
    settlements.put_back(failed)
    assert settlements.take_rest() == Settled(["a", "c"], ["b", "d"])
    assert settlements.take_rest() == Settled([], [])


async def test_what_was_sent_on_a_stream_that_ended_is_sent_once_more_and_not_for_ever() -> None:
    settlements = Settlements()
    settlements.add("a", is_done=True)
    assert await settlements.wait() == Settled(["a"], [])
    assert settlements.take_rest() == Settled(["a"], [])
    assert settlements.take_rest() == Settled([], [])


async def test_pauses_grow_and_are_bounded() -> None:
    puller = Puller(Intake(Worked().process), MemorySubscription(), jitter=lambda: 1.0)
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
    class Broken(MemorySubscription):
        async def stream(self, settlements: Settlements) -> AsyncIterator[Sequence[Delivery]]:
            raise KeyError(settlements)
            yield

    with pytest.raises(ExceptionGroup) as raised:
        await Puller(Intake(Worked().process), Broken()).run(asyncio.Event())
    assert raised.group_contains(KeyError)
