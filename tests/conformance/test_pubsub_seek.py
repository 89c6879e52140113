"""Seeking a subscription back to a time: what was published since then is delivered again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core.exceptions import NotFound

from tests.conformance.pubsub import PubSub
from tests.conformance.push_endpoint import PushEndpoint


async def seek(pubsub: PubSub, subscription: str, **target: Any) -> None:
    await pubsub.subscriber.seek(request={"subscription": subscription, **target})


async def drain(pubsub: PubSub, subscription: str, count: int) -> set[bytes]:
    """The data of `count` messages, all acknowledged."""
    data = set()
    for _ in range(count):
        received = await pubsub.pull(subscription)
        await pubsub.acknowledge(subscription, received)
        data.add(received.message.data)
    return data


async def test_a_seek_back_redelivers_acknowledged_messages(pubsub: PubSub) -> None:
    topic = await pubsub.topic()
    subscription = (await pubsub.subscription(topic, retain_acked_messages=True)).name
    ids = await pubsub.publish(topic, b"1", b"2")
    assert await drain(pubsub, subscription, 2) == {b"1", b"2"}
    await seek(pubsub, subscription, time=datetime.now(UTC) - timedelta(hours=1))
    again = [await pubsub.pull(subscription), await pubsub.pull(subscription)]
    assert {received.message.message_id for received in again} == set(ids)


async def test_a_seek_forward_acknowledges_everything_that_waits(pubsub: PubSub) -> None:
    topic = await pubsub.topic()
    subscription = (await pubsub.subscription(topic)).name
    await pubsub.publish(topic, b"old")
    await seek(pubsub, subscription, time=datetime.now(UTC) + timedelta(minutes=1))
    await pubsub.publish(topic, b"new")
    await seek(pubsub, subscription, time=datetime.now(UTC) + timedelta(minutes=1))
    assert not await pubsub.glance(subscription)


async def test_a_push_subscription_redelivers_after_a_seek(pubsub: PubSub, endpoint: PushEndpoint) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.push_subscription(topic, endpoint.url, retain_acked_messages=True)
    await pubsub.publish(topic, b"again")
    await endpoint.until(lambda: len(endpoint.of(b"again")) == 1)
    await seek(pubsub, subscription.name, time=datetime.now(UTC) - timedelta(hours=1))
    await endpoint.until(lambda: len(endpoint.of(b"again")) == 2)
    first, second = endpoint.of(b"again")
    assert first.message["messageId"] == second.message["messageId"]


async def test_an_unknown_subscription_is_not_found(pubsub: PubSub) -> None:
    with pytest.raises(NotFound):
        await seek(pubsub, pubsub.name("subscriptions"), time=datetime.now(UTC))
