"""StreamingPull: what a stream brings, bounds, refuses and settles."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from google.pubsub_v1 import types

from tests.conformance.backends import Backend, Kind
from tests.conformance.pubsub import QUICK_RETRY, WAIT_SECONDS, PubSub

Request, Response = types.StreamingPullRequest.pb(), types.StreamingPullResponse.pb()
Open = Callable[..., Any]


class Stream:
    """A client's end of one."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def say(self, **fields: Any) -> None:
        await self.call.write(Request(**fields))

    async def read(self) -> list[Any]:
        """The messages of the next response; raises AioRpcError when the stream ends with one."""
        async with asyncio.timeout(WAIT_SECONDS):
            response = await self.call.read()
        return [] if response is grpc.aio.EOF else list(response.received_messages)

    async def take(self, count: int) -> list[Any]:
        """So many messages, from as many responses as it takes."""
        received: list[Any] = []
        while len(received) < count:
            received += await self.read()
        return received

    async def ends(self) -> tuple[grpc.StatusCode, str]:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.call.code(), await self.call.details()

    async def is_silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for so long. It can't be read from any more."""
        try:
            async with asyncio.timeout(seconds):
                await self.call.read()
        except TimeoutError:
            return True
        return False


@pytest.fixture
async def streams(pubsub_backend: Backend) -> AsyncIterator[Open]:
    """Opens a stream with a first request of these fields."""
    async with grpc.aio.insecure_channel(pubsub_backend.address) as channel:
        open_call = channel.stream_stream(
            "/google.pubsub.v1.Subscriber/StreamingPull",
            request_serializer=Request.SerializeToString,
            response_deserializer=Response.FromString,
        )

        @asynccontextmanager
        async def opened(**first: Any) -> AsyncIterator[Stream]:
            stream = Stream(open_call())
            await stream.say(**({"stream_ack_deadline_seconds": 60} | first))
            try:
                yield stream
            finally:
                stream.call.cancel()

        yield opened


async def test_messages_come_by_themselves_many_in_a_response(pubsub: PubSub, streams: Open) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic)
    await pubsub.publish(topic, *[b"%d" % number for number in range(20)])
    async with streams(subscription=subscription.name) as stream:
        first = await stream.read()
        assert len(first) > 1
        received = first + await stream.take(20 - len(first))
        assert {each.message.data for each in received} == {b"%d" % number for number in range(20)}
        await pubsub.publish(topic, b"later", attributes={"event_type": "rating_change"})
        (later,) = await stream.take(1)
    assert (later.message.data, dict(later.message.attributes)) == (b"later", {"event_type": "rating_change"})
    assert later.message.publish_time.seconds > 0


async def test_what_is_acknowledged_on_the_stream_never_comes_again_and_what_is_given_back_does(
    pubsub: PubSub, streams: Open
) -> None:
    topic, dead_letters = await pubsub.topic(), await pubsub.topic()
    subscription = await pubsub.subscription(
        topic, retry_policy=QUICK_RETRY, dead_letter_policy={"dead_letter_topic": dead_letters}
    )
    await pubsub.publish(topic, b"good", b"bad")
    async with streams(subscription=subscription.name) as stream:
        ids = {each.message.data: each.ack_id for each in await stream.take(2)}
        await stream.say(
            ack_ids=[ids[b"good"]], modify_deadline_ack_ids=[ids[b"bad"]], modify_deadline_seconds=[0]
        )
        (again,) = await stream.take(1)
        assert (again.message.data, again.delivery_attempt) == (b"bad", 2)
        await stream.say(ack_ids=[again.ack_id])
        assert await stream.is_silent()


async def test_an_ack_id_may_be_settled_by_a_call(pubsub: PubSub, streams: Open) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic, retry_policy=QUICK_RETRY)
    await pubsub.publish(topic, b"a", b"b")
    async with streams(subscription=subscription.name) as stream:
        one, other = await stream.take(2)
        await pubsub.acknowledge(subscription.name, one)
        await pubsub.expire(subscription.name, other)
        (again,) = await stream.take(1)
        assert again.message.data == other.message.data
        await pubsub.acknowledge(subscription.name, again)
        assert await stream.is_silent()


async def test_an_ack_id_may_be_settled_when_its_stream_is_gone(
    pubsub: PubSub, streams: Open, pubsub_backend: Backend
) -> None:
    if pubsub_backend.kind is Kind.EMULATOR:
        pytest.skip("the emulator does not deliver again what is given back after its stream")
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic, retry_policy=QUICK_RETRY)
    await pubsub.publish(topic, b"a", b"b")
    async with streams(subscription=subscription.name) as stream:
        one, other = await stream.take(2)
    async with streams(subscription=subscription.name, ack_ids=[one.ack_id]) as stream:
        await pubsub.expire(subscription.name, other)
        (again,) = await stream.take(1)
        assert again.message.data == other.message.data
        await stream.say(ack_ids=[again.ack_id])
        assert await stream.is_silent()


async def test_no_more_is_outstanding_than_the_client_bears(
    pubsub: PubSub, streams: Open, pubsub_backend: Backend
) -> None:
    if pubsub_backend.kind is Kind.EMULATOR:
        pytest.skip("the emulator sends more than max_outstanding_messages")
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic, retry_policy=QUICK_RETRY)
    await pubsub.publish(topic, *[b"%d" % number for number in range(10)])
    async with streams(subscription=subscription.name, max_outstanding_messages=3) as stream:
        first = await stream.read()
        assert len(first) == 3
        await stream.say(ack_ids=[first[0].ack_id])
        await stream.say(modify_deadline_ack_ids=[first[1].ack_id], modify_deadline_seconds=[0])
        await stream.take(2)
        assert await stream.is_silent()
    await pubsub.publish(topic, b"x" * 600, b"y" * 600)
    async with streams(subscription=subscription.name, max_outstanding_bytes=1_000) as stream:
        received = await stream.take(6)
        assert sum(len(each.message.data) for each in received) <= 1_000
        assert await stream.is_silent()


async def test_a_message_that_is_larger_than_the_client_bears_comes_alone(
    pubsub: PubSub, streams: Open
) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic)
    await pubsub.publish(topic, b"x" * 2_000)
    async with streams(subscription=subscription.name, max_outstanding_bytes=1_000) as stream:
        (large,) = await stream.take(1)
    assert len(large.message.data) == 2_000


async def test_two_streams_share_a_subscription(pubsub: PubSub, streams: Open) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic)
    async with streams(subscription=subscription.name) as one, streams(subscription=subscription.name) as two:
        reading = {asyncio.create_task(stream.read()) for stream in (one, two)}
        await pubsub.publish(topic, b"a")
        done, waiting = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
        assert [len(each.result()) for each in done] == [1]
        assert len(waiting) == 1
        for each in waiting:
            each.cancel()


FIRST = [
    ({"subscription": ""}, "first message must set subscription"),
    ({"stream_ack_deadline_seconds": 0}, "first message must set stream_ack_deadline_seconds"),
    ({"stream_ack_deadline_seconds": 9}, "must be between 10 and 600 seconds"),
    ({"stream_ack_deadline_seconds": 601}, "must be between 10 and 600 seconds"),
]
LATER = [
    ({"subscription": "projects/p/subscriptions/other"}, "subscription may only be set in first message"),
    ({"stream_ack_deadline_seconds": 9}, "must be between 10 and 600 seconds"),
    ({"modify_deadline_ack_ids": ["a", "b"], "modify_deadline_seconds": [1]}, "must have the same size"),
    ({"ack_ids": ["nonsense"]}, "Invalid ack id"),
    ({"modify_deadline_ack_ids": ["nonsense"], "modify_deadline_seconds": [10]}, "Invalid ack id"),
]


@pytest.mark.parametrize(("fields", "text"), FIRST)
async def test_a_wrong_first_request_ends_the_stream(
    pubsub: PubSub, streams: Open, fields: dict[str, Any], text: str
) -> None:
    subscription = await pubsub.subscription(await pubsub.topic())
    async with streams(**({"subscription": subscription.name} | fields)) as stream:
        code, details = await stream.ends()
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text in details


@pytest.mark.parametrize(("fields", "text"), LATER)
async def test_a_wrong_later_request_ends_the_stream(
    pubsub: PubSub, streams: Open, fields: dict[str, Any], text: str
) -> None:
    subscription = await pubsub.subscription(await pubsub.topic())
    async with streams(subscription=subscription.name) as stream:
        await stream.say(**fields)
        code, details = await stream.ends()
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text in details


async def test_a_request_that_says_nothing_keeps_the_stream(pubsub: PubSub, streams: Open) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic)
    async with streams(subscription=subscription.name) as stream:
        await stream.say()
        await pubsub.publish(topic, b"a")
        assert len(await stream.take(1)) == 1


async def test_a_missing_subscription_is_not_found_and_a_push_one_refused(
    pubsub: PubSub, streams: Open
) -> None:
    async with streams(subscription=pubsub.name("subscriptions")) as stream:
        assert (await stream.ends())[0] is grpc.StatusCode.NOT_FOUND
    pushed = await pubsub.push_subscription(await pubsub.topic(), "http://127.0.0.1:9/")
    async with streams(subscription=pushed.name) as stream:
        assert (await stream.ends())[0] is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_stream_of_a_subscription_that_is_deleted_ends(pubsub: PubSub, streams: Open) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic)
    async with streams(subscription=subscription.name) as stream:
        await pubsub.publish(topic, b"a")
        await stream.take(1)
        await pubsub.subscriber.delete_subscription(subscription=subscription.name)
        assert (await stream.ends())[0] is grpc.StatusCode.NOT_FOUND


async def test_a_client_that_closes_its_side_ends_the_stream(pubsub: PubSub, streams: Open) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic)
    async with streams(subscription=subscription.name) as stream:
        await pubsub.publish(topic, b"a")
        await stream.take(1)
        await stream.call.done_writing()
        assert await stream.read() == []
        assert (await stream.ends())[0] is grpc.StatusCode.OK


async def test_what_a_stream_left_behind_keeps_its_lease(pubsub: PubSub, streams: Open) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic, retry_policy=QUICK_RETRY)
    await pubsub.publish(topic, b"a")
    async with streams(subscription=subscription.name) as stream:
        await stream.take(1)
    async with streams(subscription=subscription.name) as stream:
        assert await stream.is_silent(1)


async def test_a_push_subscription_becomes_a_pull_one_and_back_with_what_it_holds(
    pubsub: PubSub, streams: Open
) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.push_subscription(
        topic, "http://127.0.0.1:9/", retry_policy=QUICK_RETRY
    )  # nobody listens there
    await pubsub.publish(topic, b"before")
    await pubsub.subscriber.modify_push_config(request={"subscription": subscription.name, "push_config": {}})
    await pubsub.publish(topic, b"after")
    async with streams(subscription=subscription.name) as stream:
        received = await stream.take(2)
        assert {each.message.data for each in received} == {b"before", b"after"}
        await stream.say(ack_ids=[each.ack_id for each in received])
        assert await stream.is_silent()
    await pubsub.subscriber.modify_push_config(
        request={"subscription": subscription.name, "push_config": {"push_endpoint": "http://127.0.0.1:9/"}}
    )
    found = await pubsub.subscriber.get_subscription(subscription=subscription.name)
    assert found.push_config.push_endpoint == "http://127.0.0.1:9/"
    async with streams(subscription=subscription.name) as stream:
        assert (await stream.ends())[0] is grpc.StatusCode.FAILED_PRECONDITION
