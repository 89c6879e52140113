"""The pull driver over its real adapter, against both backends."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from shared.delivery.intake import Intake, Process
from shared.delivery.pull import Puller
from shared.errors import Retry
from shared.gcp.streaming_pull import FlowLimits, PulledSubscription
from shared.message import Message
from tests.conformance.backends import Backend, Kind
from tests.conformance.pubsub import QUICK_RETRY, WAIT_SECONDS, PubSub
from tools.pipeline.pubsub_state import read_state

OUTSTANDING = 20


@pytest.fixture(autouse=True)
def local(pubsub_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_backend.address)


@asynccontextmanager
async def pulling(subscription: str, process: Process) -> AsyncIterator[None]:
    stop = asyncio.Event()
    pulled = PulledSubscription(subscription, FlowLimits(OUTSTANDING, 10_000_000))
    running = asyncio.create_task(Puller(Intake(process), pulled).run(stop))
    try:
        yield
        stop.set()
        await running
    finally:
        running.cancel()
        await pulled.close()


async def assert_acknowledged(pubsub: PubSub, subscription: str, backend: Backend) -> None:
    """That nothing is held, leased or not; only the stand-in tells."""
    assert not await pubsub.glance(subscription)
    if state := await asyncio.to_thread(read_state, backend.address):
        assert state.subscriptions[subscription].undelivered == 0


class Taken:
    """Counts the messages that it is given, and says when there are enough."""

    def __init__(self, fails_first: frozenset[bytes] = frozenset()) -> None:
        self.messages: list[Message] = []
        self.counts = Counter[bytes]()
        self.most_at_once = self._at_once = 0
        self._fails_first = fails_first
        self._more = asyncio.Condition()

    async def process(self, message: Message) -> None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(0)
        self._at_once -= 1
        self.messages.append(message)
        self.counts[message.data] += 1
        async with self._more:
            self._more.notify_all()
        if message.data in self._fails_first and self.counts[message.data] == 1:
            raise Retry("not at first")

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS), self._more:
            await self._more.wait_for(lambda: self.counts.total() >= count)


async def test_every_message_is_taken_once_and_none_is_left(pubsub: PubSub, pubsub_backend: Backend) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic, retry_policy=QUICK_RETRY)
    sent = [b"%d" % number for number in range(200)]
    ids = await pubsub.publish(topic, *sent, attributes={"event_type": "rating_change"})
    taken = Taken()
    async with pulling(subscription.name, taken.process):
        await taken.reach(len(sent))
    assert taken.counts == Counter(sent)
    assert {message.message_id for message in taken.messages} == set(ids)
    await assert_acknowledged(pubsub, subscription.name, pubsub_backend)
    if pubsub.kind is Kind.EMULATOR:
        pytest.skip("the emulator sends more than max_outstanding_messages")
    assert taken.most_at_once <= OUTSTANDING


async def test_a_message_is_what_was_published(pubsub: PubSub) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic)
    (message_id,) = await pubsub.publish(topic, b"\x00\xff", attributes={"event_type": "rating_change"})
    taken = Taken()
    async with pulling(subscription.name, taken.process):
        await taken.reach(1)
    (message,) = taken.messages
    assert (message.data, message.message_id) == (b"\x00\xff", message_id)
    assert (message.attributes, message.subscription) == ({"event_type": "rating_change"}, subscription.name)
    assert message.delivery_attempt is None
    assert message.publish_time is not None
    assert abs(datetime.now(UTC) - message.publish_time) < timedelta(minutes=1)


async def test_one_that_failed_comes_again_with_its_attempt_and_the_others_do_not(
    pubsub: PubSub, pubsub_backend: Backend
) -> None:
    topic, dead_letters = await pubsub.topic(), await pubsub.topic()
    subscription = await pubsub.subscription(
        topic, retry_policy=QUICK_RETRY, dead_letter_policy={"dead_letter_topic": dead_letters}
    )
    await pubsub.publish(topic, b"good", b"bad")
    taken = Taken(fails_first=frozenset({b"bad"}))
    async with pulling(subscription.name, taken.process):
        await taken.reach(3)
    assert taken.counts == {b"good": 1, b"bad": 2}
    attempts = [message.delivery_attempt for message in taken.messages if message.data == b"bad"]
    assert attempts == [1, 2]
    await assert_acknowledged(pubsub, subscription.name, pubsub_backend)
