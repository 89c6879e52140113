"""The streams that the benchmark feeds to functions that pull, with the real driver at their other end."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator

import orjson
import pytest

from shared.delivery.intake import Intake, Process
from shared.delivery.pull import Puller
from shared.errors import Retry
from shared.gcp.streaming_pull import FlowLimits, PulledSubscription
from shared.message import Message
from tools.bench.feed import Feed, Subscriber
from tools.bench.load import LoadFailed
from tools.standins.serving import listening

NAME = "projects/p/subscriptions/s"
BODIES = [
    orjson.dumps({"message": {"messageId": "1", "data": b64encode(b"%d" % number).decode()}})
    for number in range(30)
]
LIMIT = 4


@pytest.fixture
async def feed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Feed]:
    subscriber = Subscriber()
    feed = subscriber.feed(NAME, BODIES)
    async with listening(subscriber.services(), "127.0.0.1", 0) as endpoint:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", endpoint.address)
        yield feed


async def pulled(feed: Feed, process: Process, *counts: int) -> list[float]:
    """The latencies of loads of so many messages, one after the other."""
    stop = asyncio.Event()
    subscription = PulledSubscription(feed.subscription, FlowLimits(LIMIT, 1_000_000))
    running = asyncio.create_task(Puller(Intake(process), subscription).run(stop))
    try:
        async with asyncio.timeout(10):
            return [latency for count in counts for latency in (await feed.run(count)).latencies]
    finally:
        stop.set()
        await running
        await subscription.close()


async def test_a_load_ends_when_all_of_it_is_acknowledged_and_the_next_goes_on_from_there(feed: Feed) -> None:
    taken: list[bytes] = []

    async def process(message: Message) -> None:
        taken.append(message.data)

    latencies = await pulled(feed, process, 20, 20)
    assert taken == [b"%d" % (number % 30) for number in range(40)]
    assert len(latencies) == 40
    assert min(latencies) > 0


async def test_no_more_is_outstanding_than_the_function_asks_for(feed: Feed) -> None:
    at_once = most = 0

    async def process(_: Message) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.001)  # the others arrive meanwhile
        at_once -= 1

    await pulled(feed, process, 30)
    assert most == LIMIT


async def test_a_message_that_is_given_back_fails_the_load(feed: Feed) -> None:
    async def process(_: Message) -> None:
        raise Retry("down")

    with pytest.raises(LoadFailed, match="gave messages back"):
        await pulled(feed, process, 1)
