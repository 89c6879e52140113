"""Topics, subscriptions and publishing: what is accepted, and which error means what."""

from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument, NotFound

from tests.conformance.backends import Kind
from tests.conformance.pubsub import PubSub


async def test_a_topic_exists_after_its_creation(pubsub: PubSub) -> None:
    name = pubsub.name("topics")
    with pytest.raises(NotFound):
        await pubsub.publisher.get_topic(topic=name)
    assert (await pubsub.publisher.create_topic(name=name)).name == name
    assert (await pubsub.publisher.get_topic(topic=name)).name == name
    with pytest.raises(AlreadyExists):
        await pubsub.publisher.create_topic(name=name)


@pytest.mark.parametrize("name", ["events", "projects/p/topics/1events", "projects/p/topics/goog-events"])
async def test_a_malformed_topic_name_is_refused(pubsub: PubSub, name: str) -> None:
    with pytest.raises(InvalidArgument):
        await pubsub.publisher.create_topic(name=name)


async def test_a_subscription_exists_once_it_is_created_until_it_is_deleted(pubsub: PubSub) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic)
    with pytest.raises(AlreadyExists):
        await pubsub.subscriber.create_subscription(name=subscription.name, topic=topic)
    found = await pubsub.subscriber.get_subscription(subscription=subscription.name)
    assert (found.topic, found.ack_deadline_seconds) == (topic, 10)
    await pubsub.subscriber.delete_subscription(subscription=subscription.name)
    with pytest.raises(NotFound):
        await pubsub.subscriber.get_subscription(subscription=subscription.name)


async def test_an_empty_retry_policy_gets_the_documented_bounds(pubsub: PubSub) -> None:
    subscription = await pubsub.subscription(await pubsub.topic(), retry_policy={})
    policy: Any = subscription.retry_policy  # declared as protobuf's Duration, read as a timedelta
    assert (policy.minimum_backoff, policy.maximum_backoff) == (timedelta(seconds=10), timedelta(minutes=10))


async def test_a_subscription_requires_existing_topics(pubsub: PubSub) -> None:
    absent = pubsub.name("topics")
    with pytest.raises(NotFound):
        await pubsub.subscription(absent)
    with pytest.raises(NotFound):
        await pubsub.subscription(await pubsub.topic(), dead_letter_policy={"dead_letter_topic": absent})


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "monitor"},
        {"ack_deadline_seconds": 601},
        {"push_config": {"push_endpoint": "localhost"}},
        {"retry_policy": {"minimum_backoff": {"seconds": 1}, "maximum_backoff": {"seconds": 601}}},
        {"retry_policy": {"minimum_backoff": {"seconds": 10}, "maximum_backoff": {"seconds": 1}}},
    ],
    ids=lambda settings: next(iter(settings)),
)
async def test_subscription_settings_out_of_bounds_are_refused(
    pubsub: PubSub, settings: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArgument):
        await pubsub.subscription(await pubsub.topic(), **settings)


@pytest.mark.parametrize("attempts", [4, 101])
async def test_delivery_attempts_are_between_5_and_100(pubsub: PubSub, attempts: int) -> None:
    if pubsub.kind is Kind.EMULATOR:
        pytest.skip("the emulator accepts any number of attempts, Pub/Sub documents 5 to 100")
    dead = await pubsub.topic()
    with pytest.raises(InvalidArgument):
        await pubsub.subscription(
            await pubsub.topic(),
            dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": attempts},
        )


async def test_publishing_gives_each_message_a_numeric_id(pubsub: PubSub) -> None:
    topic = await pubsub.topic()
    ids = [*await pubsub.publish(topic, b"1", b"2"), *await pubsub.publish(topic, b"3")]
    assert len(set(ids)) == 3
    assert all(message_id.isdigit() for message_id in ids)


async def test_publishing_to_an_unknown_topic_is_not_found(pubsub: PubSub) -> None:
    with pytest.raises(NotFound):
        await pubsub.publish(pubsub.name("topics"), b"data")


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([], id="no messages"),
        pytest.param([{}], id="an empty message"),
        pytest.param([{"data": b"good"}, {}], id="an empty message among others"),
        pytest.param([{"data": b"good"}] * 1_001, id="more than 1000"),
    ],
)
async def test_an_invalid_publish_is_refused_as_a_whole(
    pubsub: PubSub, messages: list[dict[str, Any]]
) -> None:
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic)
    with pytest.raises(InvalidArgument):
        await pubsub.publisher.publish(request={"topic": topic, "messages": messages})
    assert not await pubsub.glance(subscription.name)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"data": b"x" * 10_000_001}, id="data over 10 MB"),
        pytest.param({"attributes": {str(number): "x" for number in range(101)}}, id="101 attributes"),
        pytest.param({"attributes": {"k" * 257: "x"}}, id="a key of 257 bytes"),
        pytest.param({"attributes": {"": "x"}}, id="an empty key"),
        pytest.param({"attributes": {"key": "é" * 513}}, id="a value of 1026 bytes"),
        pytest.param({"attributes": {"googly": "x"}}, id="a reserved key"),
    ],
)
async def test_a_message_over_the_documented_limits_is_refused(
    pubsub: PubSub, message: dict[str, Any]
) -> None:
    if pubsub.kind is Kind.EMULATOR:
        pytest.skip("the emulator checks none of the message limits that Pub/Sub documents")
    with pytest.raises(InvalidArgument):
        await pubsub.publisher.publish(request={"topic": await pubsub.topic(), "messages": [message]})


async def test_a_message_at_the_documented_limits_arrives_whole(pubsub: PubSub) -> None:
    attributes = {f"{number:03}" + "k" * 253: "v" * 1_024 for number in range(100)}
    topic = await pubsub.topic()
    subscription = await pubsub.subscription(topic)
    (message_id,) = await pubsub.publish(topic, b"x" * 9_000_000, attributes=attributes)
    message = (await pubsub.pull(subscription.name)).message
    assert (message.message_id, len(message.data)) == (message_id, 9_000_000)
    assert dict(message.attributes) == attributes
