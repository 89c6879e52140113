"""The Pub/Sub adapter: many messages in one Publish call.

With grpc.aio's own call and our own few messages: through the client (GAPIC) a publish of 32 messages costs
a fifth more CPU, and its retries stay on one channel. The high-level client costs more still, one future per
message, and its batching thread would hide when a message is durable.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, cast

import grpc
import grpc.aio
from google.api_core.gapic_v1.routing_header import to_grpc_metadata

from shared.delivery.batching import Outcome
from shared.errors import ErrorType, Reject, Retry
from shared.gcp.channel import CLIENT_HEADER, TRY_SECONDS, Reconnecting, Service
from shared.gcp.pubsub_messages import PUBLISH, PublishRequest, PublishResponse
from shared.message import OutMessage
from shared.topology import topic_path

PUBSUB = Service("pubsub.googleapis.com", "PUBSUB_EMULATOR_HOST")
DEADLINE = 10.0
"""Seconds for one publish with its retries, well inside a subscription's ack deadline of 60 s; the library's
default would go on for 10 minutes."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds before the second try; twice as long before each further one. Each is cut short at random, so that
instances do not come back together."""
RETRYABLE = frozenset(
    {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Pub/Sub's own list of errors to retry."""

_Publish = Callable[..., "grpc.aio.UnaryUnaryCall[Any, Any]"]


class TopicPublisher:
    """Publishes to one topic; opens its channel in the loop of the first publish.

    `deadline` is for a publish with its retries, `try_seconds` for its tries until one hangs, both in
    seconds; the try after a hang has what is left. `jitter` gives a number from 0 to 1.
    """

    def __init__(
        self,
        project: str,
        topic: str,
        deadline: float = DEADLINE,
        try_seconds: float = TRY_SECONDS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._topic = topic_path(project, topic)
        self._deadline = deadline
        self._try_seconds = try_seconds
        self._jitter = jitter
        routing = to_grpc_metadata({"topic": self._topic})
        self._metadata = (routing, CLIENT_HEADER)
        self._connection = Reconnecting(PUBSUB, _publish_on)

    async def publish_batch(self, messages: Sequence[OutMessage]) -> list[Outcome]:
        """Publishes all in one request; one outcome per message. Raises Retry."""
        try:
            await self._send(messages)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                raise Retry(f"publishing to {self._topic} failed: {_text(error)}") from error
            if len(messages) == 1:
                text = f"Pub/Sub refused the message for {self._topic}: {error.details()}"
                return [Reject(ErrorType.SINK_REJECTED, text)]
            middle = len(messages) // 2  # halves until a bad message is alone: 2·log2 requests, not one each
            return [
                *await self.publish_batch(messages[:middle]),
                *await self.publish_batch(messages[middle:]),
            ]
        return [None] * len(messages)

    async def close(self) -> None:
        """Ends the connection; a later publish opens a new one."""
        await self._connection.close()

    async def _send(self, messages: Sequence[OutMessage]) -> None:
        """Raises AioRpcError with a status that trying again does not change, and Retry."""
        request = PublishRequest(topic=self._topic)
        for message in messages:
            request.messages.add(data=message.data).attributes.update(message.attributes)
        seconds: float | None = self._try_seconds
        pause, last = FIRST_PAUSE, "no answer"
        try:
            async with asyncio.timeout(self._deadline):
                while True:
                    try:
                        return await self._publish(request, seconds)
                    except TimeoutError:
                        seconds, last = None, "no answer"
                    except grpc.aio.AioRpcError as error:
                        if error.code() not in RETRYABLE:
                            raise
                        last = _text(error)
                        await asyncio.sleep(pause * self._jitter())
                        pause = min(2 * pause, LONGEST_PAUSE)
        except TimeoutError as error:
            what = f"publishing to {self._topic} was not confirmed within {self._deadline:g} s"
            raise Retry(f"{what}, at last {last}: whether it was published is not known") from error

    async def _publish(self, request: Any, seconds: float | None) -> None:
        await self._connection.attempt(lambda publish: publish(request, metadata=self._metadata), seconds)


def _publish_on(channel: grpc.aio.Channel) -> _Publish:
    call = channel.unary_unary(
        PUBLISH,
        request_serializer=PublishRequest.SerializeToString,
        response_deserializer=PublishResponse.FromString,
    )
    return cast(_Publish, call)


def _text(error: grpc.aio.AioRpcError) -> str:
    return f"{error.code().name}, {error.details()}"
