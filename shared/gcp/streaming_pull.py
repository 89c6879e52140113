"""The Pub/Sub adapter for pulling: StreamingPull with grpc.aio's own call, and what settles without a stream.

Source: https://github.com/googleapis/googleapis/blob/master/google/pubsub/v1/pubsub.proto
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import grpc
import grpc.aio
from google.api_core.gapic_v1.routing_header import to_grpc_metadata

from shared.delivery.pull import Delivery, PullEnded, Settled, Settlements
from shared.gcp.channel import CLIENT_HEADER, TRY_SECONDS, Reconnecting
from shared.gcp.pubsub import PUBSUB
from shared.gcp.pubsub_messages import (
    ACKNOWLEDGE,
    MODIFY_ACK_DEADLINE,
    STREAMING_PULL,
    AcknowledgeRequest,
    ModifyAckDeadlineRequest,
    StreamingPullRequest,
    StreamingPullResponse,
)
from shared.message import Message
from shared.telemetry.logs import LogEvent, log

LEASE_SECONDS = 75
"""A message waits for at most one batch before its own, 26 s each, and its dead letter, if it becomes one,
for one of those before its own, 10 s each: 72 s. So no lease runs out in an outage, and none is extended.
With the dead-letter topic away, too, a batch that owes records of late events or online values takes 32 s or
more: then a message may come twice, and counts once."""

_MEANINGLESS = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND})
"""Of ack ids that a subscription does not know, as when it was deleted and made anew: no later try changes
that, and no stream is opened before what an older one may have lost is sent again."""


@dataclass(frozen=True, slots=True)
class FlowLimits:
    """What Pub/Sub sends at most before some of it is settled."""

    messages: int
    bytes: int


class _Calls(NamedTuple):
    """The calls of one channel."""

    stream: Callable[..., Any]
    acknowledge: Callable[..., Any]
    modify: Callable[..., Any]


class PulledSubscription:
    """A subscription by its full name; opens its channel in the loop of the first stream."""

    def __init__(self, name: str, limits: FlowLimits) -> None:
        self.name = name
        self._limits = limits
        self._client = str(uuid.uuid4())
        self._metadata = (to_grpc_metadata({"subscription": name}), CLIENT_HEADER)
        self._connection = Reconnecting(PUBSUB, _calls_on)

    async def stream(self, settlements: Settlements) -> AsyncGenerator[Sequence[Delivery], None]:
        """One stream's deliveries, on which the settlements are sent meanwhile. Raises PullEnded."""
        calls = self._connection.current()
        call = calls.stream(metadata=self._metadata)
        sending = asyncio.create_task(self._send_settlements(call, settlements))
        try:
            async for response in call:
                yield [self._delivery(received) for received in response.received_messages]
            raise PullEnded("Pub/Sub ended the stream")
        except grpc.aio.AioRpcError as error:
            self._connection.renew()
            raise _ended(error) from error
        finally:
            sending.cancel()
            call.cancel()

    async def settle(self, settled: Settled) -> None:
        """By calls of their own; returns when it has arrived, or can't arrive any more. Raises PullEnded."""
        done = AcknowledgeRequest(subscription=self.name, ack_ids=settled.done)
        again = ModifyAckDeadlineRequest(subscription=self.name, ack_ids=settled.again)
        if settled.done:
            await self._attempt(done, lambda calls: calls.acknowledge(done, metadata=self._metadata))
        if settled.again:
            await self._attempt(again, lambda calls: calls.modify(again, metadata=self._metadata))

    async def close(self) -> None:
        """Ends the connection; a later stream opens a new one."""
        await self._connection.close()

    async def _attempt(self, request: Any, use: Callable[[_Calls], Any]) -> None:
        try:
            await self._connection.attempt(use, TRY_SECONDS)
        except TimeoutError as error:
            raise PullEnded(f"no answer to acknowledgements within {TRY_SECONDS:g} s") from error
        except grpc.aio.AioRpcError as error:
            if error.code() not in _MEANINGLESS:
                raise _ended(error) from error
            log.warning(
                "%s messages of %s can't be settled (%s): Pub/Sub delivers them again, if it still has them",
                len(request.ack_ids),
                self.name,
                _ended(error),
                extra={"event": LogEvent.PULL_ENDED},
            )

    async def _send_settlements(self, call: Any, settlements: Settlements) -> None:
        """Not as an iterator of requests: grpc.aio waits for the next of these also after the call has ended,
        and it would take what is to be sent on the stream that follows."""
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the reader says why it ended
            await call.write(self._opening())
            while True:
                settled = await settlements.wait()
                try:
                    await call.write(_request_of(settled))
                except BaseException:
                    settlements.put_back(Settled((), settled.again))  # what is done is sent again anyway
                    raise

    def _opening(self) -> Any:
        return StreamingPullRequest(
            subscription=self.name,
            stream_ack_deadline_seconds=LEASE_SECONDS,
            client_id=self._client,
            max_outstanding_messages=self._limits.messages,
            max_outstanding_bytes=self._limits.bytes,
        )

    def _delivery(self, received: Any) -> Delivery:
        sent = received.message
        published = sent.publish_time
        message = Message(
            data=sent.data,
            message_id=sent.message_id,
            attributes=dict(sent.attributes),
            # To the millisecond, as a push has it: both drivers judge lateness alike.
            publish_time=datetime.fromtimestamp(published.seconds, UTC).replace(
                microsecond=published.nanos // 1_000_000 * 1_000
            ),
            subscription=self.name,
            delivery_attempt=received.delivery_attempt or None,
        )
        return Delivery(message, received.ack_id)


def _calls_on(channel: grpc.aio.Channel) -> _Calls:
    return _Calls(
        channel.stream_stream(
            STREAMING_PULL,
            request_serializer=StreamingPullRequest.SerializeToString,
            response_deserializer=StreamingPullResponse.FromString,
        ),
        channel.unary_unary(ACKNOWLEDGE, AcknowledgeRequest.SerializeToString, _nothing),
        channel.unary_unary(MODIFY_ACK_DEADLINE, ModifyAckDeadlineRequest.SerializeToString, _nothing),
    )


def _request_of(settled: Settled) -> Any:
    return StreamingPullRequest(
        ack_ids=settled.done,
        modify_deadline_ack_ids=settled.again,
        modify_deadline_seconds=[0] * len(settled.again),
    )


def _nothing(_: bytes) -> None:
    """google.protobuf.Empty."""


def _ended(error: grpc.aio.AioRpcError) -> PullEnded:
    return PullEnded(f"{error.code().name}, {error.details()}")
