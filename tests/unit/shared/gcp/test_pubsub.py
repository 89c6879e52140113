"""TopicPublisher over gRPC, against a Pub/Sub that refuses messages or whole requests."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import grpc
import grpc.aio
import pytest
from google.pubsub_v1.types import PublishRequest, PublishResponse

from shared.errors import ErrorType, Reject, Retry
from shared.gcp.pubsub import TopicPublisher
from shared.message import OutMessage
from tools.standins.serving import listening

Context = grpc.aio.ServicerContext[PublishRequest, PublishResponse]


@dataclass
class Server:
    """Publish as Pub/Sub answers it: all messages of a request, or none of them with one status."""

    published: list[bytes] = field(default_factory=list)
    attributes: list[dict[str, str]] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    """Number of messages of each request received."""
    refusal: grpc.StatusCode | None = None
    delay: float = 0.0
    """Seconds until it answers."""

    async def publish(self, request: PublishRequest, context: Context) -> PublishResponse:
        assert request.topic == "projects/p/topics/t"
        self.requests.append(len(request.messages))
        await asyncio.sleep(self.delay)
        if self.refusal is not None:
            await context.abort(self.refusal, "not now")
        if any(message.data.startswith(b"bad") for message in request.messages):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a message is malformed")
        self.published += [message.data for message in request.messages]
        self.attributes += [dict(message.attributes) for message in request.messages]
        return PublishResponse(message_ids=[str(len(self.published))] * len(request.messages))


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """Listens where the adapter looks for Pub/Sub."""
    api = Server()
    handler = grpc.unary_unary_rpc_method_handler(
        api.publish,
        request_deserializer=PublishRequest.deserialize,
        response_serializer=PublishResponse.serialize,
    )
    async with listening({"google.pubsub.v1.Publisher": {"Publish": handler}}, "127.0.0.1", 0) as endpoint:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", endpoint.address)
        yield api


def messages(*texts: str) -> list[OutMessage]:
    return [OutMessage(text.encode(), {"event_id": text}) for text in texts]


async def test_a_batch_is_one_request_in_order_with_its_attributes(server: Server) -> None:
    assert await TopicPublisher("p", "t").publish_batch(messages("a", "b")) == [None, None]
    assert server.requests == [2]
    assert server.published == [b"a", b"b"]
    assert server.attributes == [{"event_id": "a"}, {"event_id": "b"}]


@pytest.mark.parametrize("texts", ["bad", "a bad", "bad a", "a b c bad-1 d e bad-2 f"])
async def test_a_malformed_message_is_rejected_alone_and_the_others_are_published_once(
    server: Server, texts: str
) -> None:
    batch = messages(*texts.split())
    outcomes = await TopicPublisher("p", "t").publish_batch(batch)
    assert [isinstance(outcome, Reject) for outcome in outcomes] == [
        message.data.startswith(b"bad") for message in batch
    ]
    assert server.published == [message.data for message in batch if not message.data.startswith(b"bad")]
    for outcome in outcomes:
        if isinstance(outcome, Reject):
            assert outcome.error_type is ErrorType.SINK_REJECTED
            assert "projects/p/topics/t" in str(outcome)


async def test_a_malformed_message_is_found_in_few_requests(server: Server) -> None:
    """One request a message would outlast the ack deadline of a full batch."""
    batch = messages(*(f"good-{number}" for number in range(199)), "bad")
    outcomes = await TopicPublisher("p", "t").publish_batch(batch)
    assert sum(outcome is not None for outcome in outcomes) == 1
    assert len(server.requests) < 20


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    ],
)
async def test_any_other_refusal_is_a_retry_and_rejects_no_message(
    server: Server, code: grpc.StatusCode
) -> None:
    server.refusal = code
    with pytest.raises(Retry, match=r"publishing to projects/p/topics/t failed: .*not now"):
        await TopicPublisher("p", "t").publish_batch(messages("a", "b"))
    assert server.published == []


async def test_a_topic_may_be_another_projects(server: Server) -> None:
    assert await TopicPublisher("other", "projects/p/topics/t").publish_batch(messages("a")) == [None]
    assert server.published == [b"a"]


async def test_the_try_after_one_that_had_no_answer_has_what_is_left_of_the_deadline(server: Server) -> None:
    """A Pub/Sub slower than one try's limit would otherwise never take a message."""
    server.delay = 0.5
    publisher = TopicPublisher("p", "t", deadline=30.0, try_seconds=0.1)
    assert await publisher.publish_batch(messages("a")) == [None]
    assert server.requests == [1, 1]
