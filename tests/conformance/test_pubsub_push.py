"""Pushing: the body, which statuses acknowledge, and what happens to a message that fails."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.conformance.backends import Kind
from tests.conformance.pubsub import QUICK_RETRY, PubSub
from tests.conformance.push_endpoint import Answer, Delivery, PushEndpoint, push_endpoint


async def test_the_body_wraps_the_message(pubsub: PubSub, endpoint: PushEndpoint) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.push_subscription(topic, endpoint.url)
    (message_id,) = await pubsub.publish(topic, b"\x00\xff", attributes={"event_type": "rating_change"})
    await endpoint.until(lambda: bool(endpoint.deliveries))
    (delivery,) = endpoint.deliveries
    assert delivery.content_type == "application/json"
    assert delivery.body["subscription"] == subscription.name
    assert delivery.data == b"\x00\xff"
    message = delivery.message
    assert message["messageId"] == message["message_id"] == message_id
    assert message["attributes"] == {"event_type": "rating_change"}
    assert message["publishTime"] == message["publish_time"]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(message["publishTime"])) < timedelta(minutes=1)


async def test_a_body_without_data_or_without_attributes_keeps_the_other(
    pubsub: PubSub, endpoint: PushEndpoint
) -> None:
    topic = await pubsub.topic()
    await pubsub.push_subscription(topic, endpoint.url)
    await pubsub.publish(topic, b"", attributes={"only": "this"})
    await pubsub.publish(topic, b"data alone")
    await endpoint.until(lambda: len(endpoint.deliveries) == 2)
    # The stand-in omits an empty field, the emulator writes it: a receiver must accept both.
    assert endpoint.of(b"")[0].message["attributes"] == {"only": "this"}
    assert endpoint.of(b"data alone")[0].message.get("attributes", {}) == {}


async def test_the_ordering_key_is_in_the_body(pubsub: PubSub, endpoint: PushEndpoint) -> None:
    topic = await pubsub.topic()
    await pubsub.push_subscription(topic, endpoint.url)
    await pubsub.publish(topic, b"data", ordering_key="location-1")
    await endpoint.until(lambda: bool(endpoint.deliveries))
    # The emulator deviates from Pub/Sub: it omits the key.
    expected = "location-1" if pubsub.kind is Kind.STAND_IN else None
    assert endpoint.deliveries[0].message.get("orderingKey") == expected


async def test_the_attempt_is_in_the_body_with_a_dead_letter_policy(
    pubsub: PubSub, endpoint: PushEndpoint
) -> None:
    topic = await pubsub.topic()
    policy = {"dead_letter_topic": await pubsub.topic(), "max_delivery_attempts": 5}
    counted = await pubsub.push_subscription(
        topic, endpoint.url, dead_letter_policy=policy, retry_policy=QUICK_RETRY
    )
    uncounted = await pubsub.push_subscription(topic, endpoint.url, retry_policy=QUICK_RETRY)
    endpoint.answer = _fail_the_first_two(counted.name)
    await pubsub.publish(topic, b"data")
    await endpoint.until(
        lambda: len(_of(endpoint, counted.name)) == 3 and bool(_of(endpoint, uncounted.name))
    )
    attempts = [delivery.body.get("deliveryAttempt") for delivery in _of(endpoint, counted.name)]
    # The emulator deviates from Pub/Sub: it never says which attempt a push is.
    assert attempts == ([1, 2, 3] if pubsub.kind is Kind.STAND_IN else [None] * 3)
    assert "deliveryAttempt" not in _of(endpoint, uncounted.name)[0].body


def _of(endpoint: PushEndpoint, subscription: str) -> list[Delivery]:
    return [delivery for delivery in endpoint.deliveries if delivery.body["subscription"] == subscription]


def _fail_the_first_two(subscription: str) -> Answer:
    left = 2

    async def answer(delivery: Delivery) -> int:
        nonlocal left
        if delivery.body["subscription"] != subscription or not left:
            return 204
        left -= 1
        return 503

    return answer


async def test_the_acknowledging_statuses_are_the_documented_ones(
    pubsub: PubSub, endpoint: PushEndpoint
) -> None:
    async def answer(delivery: Delivery) -> int:
        if delivery.data == b"no answer" and len(endpoint.of(b"no answer")) == 1:
            await asyncio.Event().wait()
        return int(delivery.data) if delivery.data.isdigit() else 204

    endpoint.answer = answer
    topic = await pubsub.topic()
    await pubsub.push_subscription(topic, endpoint.url, ack_deadline_seconds=10, retry_policy=QUICK_RETRY)
    statuses = (102, 200, 201, 202, 203, 204, 206, 302, 400, 404, 429, 500, 503)
    await pubsub.publish(topic, *(b"%d" % status for status in statuses))
    await endpoint.until(lambda: len(endpoint.deliveries) >= len(statuses))
    await pubsub.publish(topic, b"no answer")
    # When the push without an answer is repeated, so is everything else that was not acknowledged.
    await endpoint.until(lambda: len(endpoint.of(b"no answer")) == 2)
    first, second = endpoint.of(b"no answer")
    assert second.at - first.at >= 9.9
    acknowledged = {status for status in statuses if len(endpoint.of(b"%d" % status)) == 1}
    if pubsub.kind is Kind.EMULATOR:
        # It deviates from Pub/Sub, which acknowledges on 202 and not on 203.
        assert acknowledged == {102, 200, 201, 203, 204}
    else:
        assert acknowledged == {102, 200, 201, 202, 204}


async def test_a_redelivered_message_is_the_same_message(pubsub: PubSub, endpoint: PushEndpoint) -> None:
    async def answer(_: Delivery) -> int:
        return 503 if len(endpoint.deliveries) == 1 else 204

    endpoint.answer = answer
    topic = await pubsub.topic()
    await pubsub.push_subscription(topic, endpoint.url, retry_policy=QUICK_RETRY)
    await pubsub.publish(topic, b"again", attributes={"event_id": "e1"})
    await endpoint.until(lambda: len(endpoint.deliveries) == 2)
    first, second = endpoint.deliveries
    assert first.message == second.message


async def test_a_failed_push_waits_out_the_minimum_backoff(pubsub: PubSub, endpoint: PushEndpoint) -> None:
    async def answer(_: Delivery) -> int:
        return 503 if len(endpoint.deliveries) <= 2 else 204

    endpoint.answer = answer
    topic = await pubsub.topic()
    policy = {"minimum_backoff": {"seconds": 1}, "maximum_backoff": {"seconds": 2}}
    await pubsub.push_subscription(topic, endpoint.url, retry_policy=policy)
    await pubsub.publish(topic, b"again")
    await endpoint.until(lambda: len(endpoint.deliveries) == 3)
    first, second, third = endpoint.deliveries
    assert second.at - first.at >= 0.9
    assert third.at - second.at >= 0.9


async def test_a_push_is_forwarded_after_its_last_attempt(pubsub: PubSub, endpoint: PushEndpoint) -> None:
    async def refuse(_: Delivery) -> int:
        return 503

    endpoint.answer = refuse
    topic, dead = await pubsub.topic(), await pubsub.topic()
    dead_letters = await pubsub.subscription(dead)
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    source = await pubsub.push_subscription(
        topic, endpoint.url, dead_letter_policy=policy, retry_policy=QUICK_RETRY
    )
    await pubsub.publish(topic, b"hopeless", attributes={"event_id": "e1"})
    forwarded = (await pubsub.pull(dead_letters.name)).message
    assert len(endpoint.deliveries) == 5
    assert forwarded.data == b"hopeless"
    assert dict(forwarded.attributes) == {
        "event_id": "e1",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": source.name.split("/")[-1],
        "CloudPubSubDeadLetterSourceSubscriptionProject": pubsub.project,
        "CloudPubSubDeadLetterSourceTopicPublishTime": endpoint.deliveries[0].message["publishTime"],
    }


async def test_a_slow_answer_does_not_delay_other_messages(pubsub: PubSub, endpoint: PushEndpoint) -> None:
    async def answer(delivery: Delivery) -> int:
        if delivery.data == b"first":
            await endpoint.until(lambda: bool(endpoint.of(b"second")), seconds=8)
        return 204

    endpoint.answer = answer
    topic = await pubsub.topic()
    await pubsub.push_subscription(topic, endpoint.url)
    await pubsub.publish(topic, b"first")
    await endpoint.until(lambda: bool(endpoint.of(b"first")))
    await pubsub.publish(topic, b"second")
    await endpoint.until(lambda: bool(endpoint.of(b"second")), seconds=8)


async def test_messages_wait_for_an_endpoint_that_is_down(pubsub: PubSub) -> None:
    async with push_endpoint() as gone:
        url = gone.url
    topic = await pubsub.topic()
    await pubsub.push_subscription(topic, url, retry_policy=QUICK_RETRY)
    await pubsub.publish(topic, b"patient")
    async with push_endpoint(port=int(url.split(":")[2].split("/")[0])) as back:
        await back.until(lambda: bool(back.of(b"patient")))


async def test_a_deleted_subscription_stops_pushing(pubsub: PubSub, endpoint: PushEndpoint) -> None:
    topic = await pubsub.topic()
    deleted = await pubsub.push_subscription(topic, endpoint.url)
    kept = await pubsub.push_subscription(topic, endpoint.url)
    await pubsub.subscriber.delete_subscription(subscription=deleted.name)
    await pubsub.publish(topic, b"data")
    await endpoint.until(lambda: bool(endpoint.deliveries))
    assert [delivery.body["subscription"] for delivery in endpoint.deliveries] == [kept.name]
