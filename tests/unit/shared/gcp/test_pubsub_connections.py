"""TopicPublisher when its connection freezes half-open or breaks, and beside the official client."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.pubsub_v1.services.publisher import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.types import PublishRequest, PublishResponse, PubsubMessage

from shared.errors import Retry
from shared.gcp.pubsub import TopicPublisher
from shared.message import OutMessage
from tests.support.freezing_proxy import FreezingProxy, freezing_proxy
from tools.standins.serving import listening

TOPIC = "projects/p/topics/t"
Request, Response = PublishRequest.pb(), PublishResponse.pb()


class Topic:
    """Publishes what it is sent, unless the next turn is a status to answer with."""

    def __init__(self) -> None:
        self.turns: deque[grpc.StatusCode] = deque()
        self.requests: list[Any] = []
        self.metadata: list[dict[str, Any]] = []

    async def publish(self, request: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
        self.metadata.append(dict(context.invocation_metadata() or ()))
        self.requests.append(request)
        if self.turns:
            await context.abort(self.turns.popleft(), "Pub/Sub says so")
        return Response(message_ids=[str(number) for number in range(len(request.messages))])


@pytest.fixture
async def topic() -> AsyncIterator[tuple[Topic, str]]:
    """The service and its host:port."""
    topic = Topic()
    handler = grpc.unary_unary_rpc_method_handler(
        topic.publish, Request.FromString, Response.SerializeToString
    )
    async with listening({"google.pubsub.v1.Publisher": {"Publish": handler}}, "127.0.0.1", 0) as endpoint:
        yield topic, endpoint.address


@pytest.fixture
async def proxy(topic: tuple[Topic, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FreezingProxy]:
    async with freezing_proxy(topic[1]) as (proxy, address):
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", address)
        yield proxy


@pytest.fixture
async def publisher(proxy: FreezingProxy) -> AsyncIterator[TopicPublisher]:
    assert proxy.connections == 0
    publisher = TopicPublisher("p", "t", deadline=5.0, try_seconds=0.1, jitter=lambda: 0)
    yield publisher
    await publisher.close()


def messages(*texts: str) -> list[OutMessage]:
    return [OutMessage(text.encode(), {"kind": text}) for text in texts]


async def test_the_publish_that_meets_a_frozen_connection_succeeds_over_a_new_one(
    publisher: TopicPublisher, proxy: FreezingProxy
) -> None:
    await publisher.publish_batch(messages("a"))
    proxy.freeze()
    for _ in range(40):
        assert await publisher.publish_batch(messages("b", "c")) == [None, None]
    assert proxy.connections == 2


async def test_publishes_at_once_on_a_frozen_connection_share_one_new_one(
    publisher: TopicPublisher, proxy: FreezingProxy
) -> None:
    await publisher.publish_batch(messages("a"))
    proxy.freeze()
    assert await asyncio.gather(*(publisher.publish_batch(messages("b")) for _ in range(40))) == [[None]] * 40
    assert proxy.connections == 2


async def test_where_every_connection_freezes_a_publish_is_a_retry_within_its_deadline(
    proxy: FreezingProxy,
) -> None:
    proxy.freezes_new = True
    publisher = TopicPublisher("p", "t", deadline=0.3, try_seconds=0.1)
    with pytest.raises(
        Retry, match=r"projects/p/topics/t was not confirmed within 0\.3 s, at last no answer"
    ):
        await publisher.publish_batch(messages("a"))
    proxy.freezes_new = False
    assert await publisher.publish_batch(messages("a")) == [None]
    await publisher.close()


async def test_a_service_that_has_gone_is_a_retry_that_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    publisher = TopicPublisher("p", "t", deadline=0.2, jitter=lambda: 0.1)
    with pytest.raises(Retry, match=r"within 0\.2 s, at last UNAVAILABLE"):
        await publisher.publish_batch(messages("a"))
    await publisher.close()


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    ],
)
async def test_what_pub_sub_says_may_be_tried_again_is(
    publisher: TopicPublisher, topic: tuple[Topic, str], code: grpc.StatusCode
) -> None:
    topic[0].turns += [code, code]
    assert await publisher.publish_batch(messages("a")) == [None]
    assert len(topic[0].requests) == 3


async def test_it_calls_as_the_official_client_calls(
    publisher: TopicPublisher, topic: tuple[Topic, str]
) -> None:
    """The same bytes and headers, but for the versions of the generated client."""
    await publisher.publish_batch(messages("a", "b"))
    async with grpc.aio.insecure_channel(topic[1]) as channel:
        client = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
        official = [
            PubsubMessage(data=message.data, attributes=message.attributes) for message in messages("a", "b")
        ]
        await client.publish(topic=TOPIC, messages=official)
    ours, theirs = topic[0].requests
    assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)
    header = "x-goog-request-params"
    assert topic[0].metadata[0][header] == topic[0].metadata[1][header]
    ours, official_versions = (set(call["x-goog-api-client"].split()) for call in topic[0].metadata)
    assert ours == {version for version in official_versions if not version.startswith(("gapic/", "gccl/"))}
