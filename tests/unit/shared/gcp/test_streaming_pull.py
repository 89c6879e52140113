"""PulledSubscription against a subscriber that says what a test tells it to, in the official messages."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import grpc
import grpc.aio
import pytest
from google.pubsub_v1 import types

from shared.delivery.pull import Delivery, PullEnded, Settled, Settlements
from shared.gcp import streaming_pull
from shared.gcp.streaming_pull import FlowLimits, PulledSubscription
from tests.support.freezing_proxy import FreezingProxy, freezing_proxy
from tools.standins.serving import Empty, listening

NAME = "projects/p/subscriptions/s"
STREAM_REQUEST, STREAM_RESPONSE = types.StreamingPullRequest.pb(), types.StreamingPullResponse.pb()
ACKNOWLEDGE, MODIFY = types.AcknowledgeRequest.pb(), types.ModifyAckDeadlineRequest.pb()


class Service:
    """Sends what is put into `out`: responses, or a status that ends the stream (None: without an error)."""

    def __init__(self) -> None:
        self.out: asyncio.Queue[Any] = asyncio.Queue()
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        """Requests on streams."""
        self.settled: list[Any] = []
        """Requests of the other calls."""
        self.metadata: list[dict[str, Any]] = []
        self.ended = asyncio.Event()
        self.refusal: grpc.StatusCode | None = None

    async def stream(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        self.metadata.append(dict(context.invocation_metadata() or ()))
        listening = asyncio.create_task(self._listen(requests))
        try:
            while isinstance(response := await self.out.get(), STREAM_RESPONSE):
                yield response
            if response is not None:
                await context.abort(response, "Pub/Sub says so")
        finally:
            self.ended.set()
            listening.cancel()

    async def settle(self, request: Any, context: Any) -> Empty:
        self.metadata.append(dict(context.invocation_metadata() or ()))
        if self.refusal:
            await context.abort(self.refusal, "Pub/Sub says so")
        self.settled.append(request)
        return Empty()

    def handlers(self) -> dict[str, Any]:
        settle = grpc.unary_unary_rpc_method_handler
        return {
            "StreamingPull": grpc.stream_stream_rpc_method_handler(
                self.stream, STREAM_REQUEST.FromString, STREAM_RESPONSE.SerializeToString
            ),
            "Acknowledge": settle(self.settle, ACKNOWLEDGE.FromString, Empty.SerializeToString),
            "ModifyAckDeadline": settle(self.settle, MODIFY.FromString, Empty.SerializeToString),
        }

    async def _listen(self, requests: AsyncIterator[Any]) -> None:
        async for request in requests:
            self.said.put_nowait(request)


@pytest.fixture
async def service() -> Service:
    return Service()


@pytest.fixture
async def proxy(service: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FreezingProxy]:
    services = {"google.pubsub.v1.Subscriber": service.handlers()}
    async with listening(services, "127.0.0.1", 0) as at, freezing_proxy(at.address) as (proxy, address):
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", address)
        yield proxy


@pytest.fixture
async def subscription(proxy: FreezingProxy) -> AsyncIterator[PulledSubscription]:
    assert proxy.connections == 0
    subscription = PulledSubscription(NAME, FlowLimits(80, 1_000_000))
    yield subscription
    await subscription.close()


def response(*received: dict[str, Any]) -> Any:
    return types.StreamingPullResponse.pb(types.StreamingPullResponse(received_messages=received))


async def next_of(stream: AsyncIterator[Sequence[Delivery]]) -> Sequence[Delivery]:
    async with asyncio.timeout(5):
        return await anext(stream)


async def test_the_first_request_bounds_what_may_be_outstanding_and_for_how_long(
    subscription: PulledSubscription, service: Service
) -> None:
    async with aclosing(subscription.stream(Settlements())) as stream:
        service.out.put_nowait(response())
        await next_of(stream)
        first = service.said.get_nowait()
    assert (first.subscription, first.stream_ack_deadline_seconds) == (NAME, 75)
    assert (first.max_outstanding_messages, first.max_outstanding_bytes) == (80, 1_000_000)
    assert first.client_id
    (metadata,) = service.metadata
    assert metadata["x-goog-request-params"] == f"subscription={NAME}"
    assert "grpc/" in metadata["x-goog-api-client"]


async def test_a_delivery_is_what_was_received_with_its_time_to_the_millisecond(
    subscription: PulledSubscription, service: Service
) -> None:
    published = datetime(2026, 3, 11, 12, 0, 0, 123_999, tzinfo=UTC)
    message = {
        "data": b"\x00\xff",
        "message_id": "17",
        "attributes": {"event_type": "rating_change"},
        "publish_time": published,
    }
    async with aclosing(subscription.stream(Settlements())) as stream:
        service.out.put_nowait(
            response(
                {"ack_id": "a", "delivery_attempt": 3, "message": message},
                {"ack_id": "b", "message": {"message_id": "18"}},
            )
        )
        (whole, bare) = await next_of(stream)
    assert (whole.ack_id, whole.message.data, whole.message.message_id) == ("a", b"\x00\xff", "17")
    assert dict(whole.message.attributes) == {"event_type": "rating_change"}
    assert whole.message.publish_time == published.replace(microsecond=123_000)
    assert (whole.message.subscription, whole.message.delivery_attempt) == (NAME, 3)
    assert (bare.ack_id, bare.message.data, bare.message.delivery_attempt) == ("b", b"", None)


async def test_what_is_settled_goes_out_on_the_stream_in_one_request(
    subscription: PulledSubscription, service: Service
) -> None:
    settlements = Settlements()
    async with aclosing(subscription.stream(settlements)) as stream:
        service.out.put_nowait(response())
        await next_of(stream)
        await service.said.get()
        for ack_id, is_done in (("a", True), ("b", False), ("c", True)):
            settlements.add(ack_id, is_done)
        async with asyncio.timeout(5):
            said = await service.said.get()
    assert list(said.ack_ids) == ["a", "c"]
    assert list(said.modify_deadline_ack_ids) == ["b"]
    assert list(said.modify_deadline_seconds) == [0]
    assert said.subscription == ""


async def test_a_silent_stream_is_kept_open_by_requests_that_say_nothing(
    subscription: PulledSubscription, service: Service
) -> None:
    class Quick(Settlements):
        async def wait(self, _seconds: float = 30.0) -> Settled:
            return await super().wait(0.01)

    async with aclosing(subscription.stream(Quick())) as stream:
        service.out.put_nowait(response())
        await next_of(stream)
        async with asyncio.timeout(5):
            _, heartbeat = await service.said.get(), await service.said.get()
    assert heartbeat.SerializeToString() == b""


@pytest.mark.parametrize("status", [grpc.StatusCode.ABORTED, grpc.StatusCode.NOT_FOUND, None])
async def test_a_stream_that_ends_says_why_and_the_next_one_has_a_new_connection(
    subscription: PulledSubscription,
    service: Service,
    proxy: FreezingProxy,
    status: grpc.StatusCode | None,
) -> None:
    service.out.put_nowait(status)
    with pytest.raises(PullEnded) as ended:
        await next_of(subscription.stream(Settlements()))
    assert str(ended.value) == (f"{status.name}, Pub/Sub says so" if status else "Pub/Sub ended the stream")
    service.out.put_nowait(response({"ack_id": "a", "message": {"message_id": "1"}}))
    async with aclosing(subscription.stream(Settlements())) as stream:
        assert [delivery.ack_id for delivery in await next_of(stream)] == ["a"]
    assert proxy.connections == (2 if status else 1)


@pytest.mark.parametrize("status", [grpc.StatusCode.NOT_FOUND, None])
async def test_what_is_settled_goes_out_on_the_next_stream_however_many_have_ended(
    subscription: PulledSubscription, service: Service, status: grpc.StatusCode | None
) -> None:
    settlements = Settlements()
    for _ in range(3):
        service.out.put_nowait(status)
        with pytest.raises(PullEnded):
            await next_of(subscription.stream(settlements))
    async with aclosing(subscription.stream(settlements)) as stream:
        service.out.put_nowait(response())
        await next_of(stream)
        for ack_id in ("a", "b"):
            settlements.add(ack_id, is_done=True)
            async with asyncio.timeout(5):
                while not (said := await service.said.get()).ack_ids:
                    continue
            assert list(said.ack_ids) == [ack_id]


async def test_what_could_not_be_given_back_on_a_stream_that_had_ended_is_still_to_be_said(
    subscription: PulledSubscription, service: Service
) -> None:
    class Watched(Settlements):
        is_back = False

        def put_back(self, settled: Settled) -> None:
            super().put_back(settled)
            self.is_back = True

    settlements, count = Watched(), 0
    async with aclosing(subscription.stream(settlements)) as stream, asyncio.timeout(5):
        service.out.put_nowait(response())
        await next_of(stream)
        service.out.put_nowait(grpc.StatusCode.ABORTED)
        while not settlements.is_back:  # those before the end is here are written, and lost
            settlements.add(f"again-{count}", is_done=False)
            settlements.add(f"done-{count}", is_done=True)
            count += 1
            await asyncio.sleep(0.01)
        with pytest.raises(PullEnded):
            await next_of(stream)
    rest = settlements.take_rest()
    assert rest.again
    assert rest.again == [f"again-{number}" for number in range(count)][-len(rest.again) :]
    assert rest.done == [f"done-{number}" for number in range(count)]


async def test_the_end_of_a_stream_reaches_pubsub(subscription: PulledSubscription, service: Service) -> None:
    async with aclosing(subscription.stream(Settlements())) as stream:
        service.out.put_nowait(response())
        await next_of(stream)
    async with asyncio.timeout(5):
        await service.ended.wait()


async def test_settling_without_a_stream_waits_for_the_answer(
    subscription: PulledSubscription, service: Service
) -> None:
    await subscription.settle(Settled(["a", "b"], ["c"]))
    done, again = service.settled
    assert (done.subscription, list(done.ack_ids)) == (NAME, ["a", "b"])
    assert (again.subscription, list(again.ack_ids), again.ack_deadline_seconds) == (NAME, ["c"], 0)
    assert {metadata["x-goog-request-params"] for metadata in service.metadata} == {f"subscription={NAME}"}


async def test_nothing_to_settle_is_no_call(subscription: PulledSubscription, service: Service) -> None:
    await subscription.settle(Settled(["a"], []))
    await subscription.settle(Settled([], ["b"]))
    assert [type(request).__name__ for request in service.settled] == [
        "AcknowledgeRequest",
        "ModifyAckDeadlineRequest",
    ]


@pytest.mark.parametrize("refusal", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND])
async def test_ack_ids_that_mean_nothing_any_more_are_let_go_for_each_kind(
    subscription: PulledSubscription,
    service: Service,
    refusal: grpc.StatusCode,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As of a subscription that was made anew: said for ever, they would keep the stage from pulling."""
    service.refusal = refusal
    await subscription.settle(Settled(["a"], ["b"]))
    assert len(service.metadata) == 2
    assert (
        caplog.messages
        == [
            f"1 messages of {NAME} can't be settled ({refusal.name}, Pub/Sub says so): "
            "Pub/Sub delivers them again, if it still has them"
        ]
        * 2
    )


async def test_a_settlement_that_is_refused_or_hangs_is_an_end(
    subscription: PulledSubscription,
    service: Service,
    proxy: FreezingProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service.refusal = grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(PullEnded, match="PERMISSION_DENIED, Pub/Sub says so"):
        await subscription.settle(Settled(["a"], []))
    service.refusal = None
    with monkeypatch.context() as patch:
        patch.setattr(streaming_pull, "TRY_SECONDS", 0.1)
        proxy.freeze()
        with pytest.raises(PullEnded, match=r"no answer to acknowledgements within 0\.1 s"):
            await subscription.settle(Settled(["a"], []))
    await subscription.settle(Settled(["a"], []))  # on a new connection
    assert proxy.connections == 2
