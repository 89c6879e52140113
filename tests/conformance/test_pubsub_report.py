"""What the stand-in says about its subscriptions; Google's emulator has no such call, and is told apart."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.backends import Backend, Kind
from tests.conformance.pubsub import QUICK_RETRY, PubSub
from tests.conformance.push_endpoint import Delivery, PushEndpoint
from tools.errors import CommandError
from tools.pipeline.pubsub_state import Held, SubscriptionState, find, read_state


async def state_of(backend: Backend, subscription: str) -> SubscriptionState:
    state = await asyncio.to_thread(read_state, backend.address)
    if state is None:
        pytest.skip("the emulator has no such call")
    return state.subscriptions[subscription]


async def unavailable(_: Delivery) -> int:
    return 503


async def test_only_the_stand_in_knows_its_state(pubsub: PubSub, pubsub_backend: Backend) -> None:
    is_standin = pubsub.kind is Kind.STAND_IN
    assert (await asyncio.to_thread(read_state, pubsub_backend.address) is not None) is is_standin
    assert (await asyncio.to_thread(find, pubsub_backend.address, "nothing") is not None) is is_standin


async def test_a_message_that_fails_is_held_with_its_age_its_attempts_and_its_answer(
    pubsub: PubSub, pubsub_backend: Backend, endpoint: PushEndpoint
) -> None:
    endpoint.answer = unavailable
    topic = await pubsub.topic()
    subscription = await pubsub.push_subscription(topic, endpoint.url, retry_policy=QUICK_RETRY)
    before = datetime.now(UTC) - timedelta(seconds=1)
    (message_id,) = await pubsub.publish(topic, b'{"event_id": "poison"}')
    await endpoint.until(lambda: len(endpoint.deliveries) == 3)
    seen = await state_of(pubsub_backend, subscription.name)
    assert (seen.undelivered, seen.retried) == (1, 1)
    assert seen.oldest is not None
    assert before <= seen.oldest <= datetime.now(UTC)
    assert seen.attempts >= 2
    assert seen.answers.keys() == {503}
    assert seen.acknowledged == []
    found = await asyncio.to_thread(find, pubsub_backend.address, "poison")
    assert found is not None
    (held,) = found
    assert held == Held(
        subscription=subscription.name, message_id=message_id, attempt=held.attempt, answer=503
    )


async def test_an_acknowledged_message_is_held_no_longer_and_its_time_is_kept(
    pubsub: PubSub, pubsub_backend: Backend, endpoint: PushEndpoint
) -> None:
    topic = await pubsub.topic()
    pushed = await pubsub.push_subscription(topic, endpoint.url)
    pulled = await pubsub.subscription(topic)
    await pubsub.publish(topic, b"data", attributes={"event_id": "e"})
    await endpoint.until(lambda: bool(endpoint.deliveries))
    received = await pubsub.pull(pulled.name)
    assert (await state_of(pubsub_backend, pulled.name)).undelivered == 1
    await pubsub.acknowledge(pulled.name, received)
    seen = await state_of(pubsub_backend, pulled.name)
    assert (seen.undelivered, seen.oldest, seen.answers) == (0, None, {204: 1})
    done = await acknowledged(pubsub_backend, pushed.name)
    assert (done.undelivered, done.oldest, done.attempts, done.answers) == (0, None, 0, {204: 1})
    (last,) = done.acknowledged
    assert last.attributes == {"event_id": "e"}
    assert last.published <= last.acknowledged


async def acknowledged(backend: Backend, subscription: str) -> SubscriptionState:
    """The state once the push's answer has come."""
    while True:
        seen = await state_of(backend, subscription)
        if seen.acknowledged:
            return seen
        await asyncio.sleep(0.02)  # polls another process


def test_a_pubsub_that_does_not_answer_is_an_error_that_says_so() -> None:
    with pytest.raises(CommandError, match=r"127.0.0.1:1 did not answer within 1 s .*is the chain still"):
        read_state("127.0.0.1:1", timeout=1)
