"""Topics and subscriptions by name, and the path of a message from one to the other."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import count

from tools.standins.pubsub.backlog import Forward
from tools.standins.pubsub.ledger import Ledger
from tools.standins.pubsub.model import Delivery, Message, SubscriptionSettings
from tools.standins.pubsub.subscriptions import Subscription
from tools.standins.status import AlreadyExists, NotFound

OpenSubscription = Callable[[SubscriptionSettings, Forward], Subscription]
Content = tuple[bytes, Mapping[str, str], str]
"""A message to publish: data, attributes, ordering key."""


class Broker:
    """In memory, and told to a ledger; message ids keep rising, so that no two messages ever share one.

    `last_id` is the highest that an earlier process gave, if it is known.
    """

    def __init__(
        self,
        open_subscription: OpenSubscription,
        now: Callable[[], datetime],
        ledger: Ledger,
        last_id: int = 0,
    ) -> None:
        self._open = open_subscription
        self._now = now
        self._ledger = ledger
        self._topics: dict[str, list[Subscription]] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._ids = count(max(time.time_ns() // 1000, last_id + 1))

    def create_topic(self, name: str) -> None:
        if name in self._topics:
            raise AlreadyExists(f"Topic already exists: {name}")
        self._ledger.topic_created(name)
        self._topics[name] = []

    def check_topic(self, name: str) -> None:
        """Raises NotFound unless the topic exists."""
        self._topic(name)

    def publish(self, topic: str, contents: Sequence[Content]) -> list[str]:
        """Hands the messages to every subscription of the topic and returns their ids."""
        subscriptions = self._topic(topic)
        now = self._now()
        messages = [
            Message(data, attributes, ordering_key, str(next(self._ids)), now)
            for data, attributes, ordering_key in contents
        ]
        self._ledger.published(topic, messages, [each.settings.name for each in subscriptions])
        for subscription in subscriptions:
            subscription.add(messages)
        return [message.message_id for message in messages]

    def create_subscription(self, settings: SubscriptionSettings) -> None:
        topic = self._topic(settings.topic)
        if settings.dead_letters is not None and settings.dead_letters.topic not in self._topics:
            raise NotFound(f"Dead letter topic not found: {settings.dead_letters.topic}")
        if settings.name in self._subscriptions:
            raise AlreadyExists(f"Subscription already exists: {settings.name}")
        topic.append(self._opened(settings))

    def restore(self, topics: Sequence[str]) -> None:
        """Topics that an earlier process had, without their subscriptions."""
        self._topics.update((name, []) for name in topics)

    def restore_subscription(self, settings: SubscriptionSettings) -> Subscription:
        """A subscription that an earlier process had."""
        subscription = self._opened(settings)
        self._topics[settings.topic].append(subscription)
        return subscription

    async def convert(self, settings: SubscriptionSettings) -> Subscription:
        """Makes a pull subscription of a push one, or back, with all that it holds."""
        old = self.subscription(settings.name)
        await old.close()
        new = self._opened(settings)
        new.restore(list(old.retained()), list(old.held()))
        subscriptions = self._topics[settings.topic]
        subscriptions[subscriptions.index(old)] = new
        return new

    async def delete_subscription(self, name: str) -> None:
        subscription = self.subscription(name)
        self._ledger.subscription_deleted(name)
        del self._subscriptions[name]
        self._topics[subscription.settings.topic].remove(subscription)
        await subscription.close()

    def subscription(self, name: str) -> Subscription:
        """Raises NotFound."""
        if name not in self._subscriptions:
            raise NotFound(f"Subscription does not exist: {name}")
        return self._subscriptions[name]

    def subscriptions(self) -> Mapping[str, Subscription]:
        """All of them, by name."""
        return self._subscriptions

    async def close(self) -> None:
        for subscription in self._subscriptions.values():
            await subscription.close()

    def _opened(self, settings: SubscriptionSettings) -> Subscription:
        subscription = self._open(settings, self._forward)
        self._subscriptions[settings.name] = subscription
        return subscription

    def _topic(self, name: str) -> list[Subscription]:
        if name not in self._topics:
            raise NotFound(f"Topic not found: {name}")
        return self._topics[name]

    def _forward(self, settings: SubscriptionSettings, topic: str, delivery: Delivery) -> None:
        message = delivery.message
        _, project, _, subscription = settings.name.split("/")
        attributes = {
            **message.attributes,
            "CloudPubSubDeadLetterSourceDeliveryCount": str(delivery.attempt),
            "CloudPubSubDeadLetterSourceSubscription": subscription,
            "CloudPubSubDeadLetterSourceSubscriptionProject": project,
            "CloudPubSubDeadLetterSourceTopicPublishTime": message.published,
        }
        self.publish(topic, [(message.data, attributes, message.ordering_key)])
