"""The Pub/Sub stand-in's gRPC API: google.pubsub.v1's Publisher and Subscriber, and its own report."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from google.pubsub_v1 import types

from tools.faults.injecting import Faults
from tools.pipeline.pubsub_state import SERVICE as REPORTING
from tools.standins.pubsub import wire
from tools.standins.pubsub.backlog import Forward
from tools.standins.pubsub.broker import Broker
from tools.standins.pubsub.kept import KeptLedger, KeptSubscription
from tools.standins.pubsub.ledger import Ledger
from tools.standins.pubsub.model import SubscriptionSettings
from tools.standins.pubsub.pull import PullSubscription
from tools.standins.pubsub.push import PushSubscription
from tools.standins.pubsub.reporting import ReportingService
from tools.standins.pubsub.streaming import Stream
from tools.standins.pubsub.subscriptions import Subscription
from tools.standins.serving import Empty, Endpoint, Handler, conversation, listening, unary
from tools.standins.status import FailedPrecondition, InvalidArgument

PUSH_CONCURRENCY = 100
"""Concurrent pushes per subscription: above Cloud Run's default concurrency of 80 for one instance."""
PULL_HOLD_SECONDS = 4.0
"""How long a pull waits for a first message; like the service, it may then return none."""

_Topic = types.Topic.pb()
_Subscription = types.Subscription.pb()
_PublishResponse = types.PublishResponse.pb()
_PullResponse = types.PullResponse.pb()
_SeekResponse = types.SeekResponse.pb()


class PublisherService:
    """Topics."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def create_topic(self, request: Any) -> Any:
        wire.check_name(request.name, "topics")
        self._broker.create_topic(request.name)
        return request

    async def get_topic(self, request: Any) -> Any:
        wire.check_name(request.topic, "topics")
        self._broker.check_topic(request.topic)
        return _Topic(name=request.topic)

    async def publish(self, request: Any) -> Any:
        self._broker.check_topic(request.topic)
        wire.check_publish(request.messages, request.ByteSize())
        contents = [(sent.data, dict(sent.attributes), sent.ordering_key) for sent in request.messages]
        return _PublishResponse(message_ids=self._broker.publish(request.topic, contents))

    def handlers(self) -> dict[str, Handler]:
        return {
            "CreateTopic": unary(self.create_topic, _Topic, _Topic),
            "GetTopic": unary(self.get_topic, types.GetTopicRequest.pb(), _Topic),
            "Publish": unary(self.publish, types.PublishRequest.pb(), _PublishResponse),
        }


class SubscriberService:
    """Subscriptions."""

    def __init__(self, broker: Broker, ledger: Ledger) -> None:
        self._broker = broker
        self._ledger = ledger
        self._resources: dict[str, Any] = {}

    async def create_subscription(self, request: Any) -> Any:
        settings, resource = wire.read_subscription(request)
        self._broker.create_subscription(settings)
        self._keep(resource)
        return resource

    def restore(self, kept: KeptSubscription) -> None:
        """A subscription that an earlier process had."""
        settings, resource = wire.read_subscription(_Subscription.FromString(kept.resource))
        subscription = self._broker.restore_subscription(settings)
        subscription.restore(kept.retained, kept.deliveries)
        self._resources[settings.name] = resource

    async def get_subscription(self, request: Any) -> Any:
        self._broker.subscription(request.subscription)
        return self._resources[request.subscription]

    async def delete_subscription(self, request: Any) -> Any:
        await self._broker.delete_subscription(request.subscription)
        del self._resources[request.subscription]
        return Empty()

    async def modify_push_config(self, request: Any) -> Any:
        """Another endpoint, or the same, which lets a restored subscription push. An empty one makes a pull
        subscription, and back with an endpoint."""
        subscription = self._broker.subscription(request.subscription)
        resource = _Subscription()
        resource.CopyFrom(self._resources[request.subscription])
        resource.push_config.CopyFrom(request.push_config)
        settings, resource = wire.read_subscription(resource)
        self._keep(resource)
        if isinstance(subscription, PushSubscription) is not bool(settings.push_endpoint):
            subscription = await self._broker.convert(settings)
        if isinstance(subscription, PushSubscription):
            subscription.redirect(settings.push_endpoint)
        return Empty()

    async def pull(self, request: Any) -> Any:
        subscription = self._pulled(request.subscription)
        if request.max_messages <= 0:
            raise InvalidArgument("No max_messages specified")
        hold = 0.0 if request.return_immediately else PULL_HOLD_SECONDS
        leased = await subscription.pull(request.max_messages, hold)
        shown = subscription.settings.shows_attempt()
        return _PullResponse(
            received_messages=[wire.received_message(ack_id, delivery, shown) for ack_id, delivery in leased]
        )

    async def streaming_pull(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for first in requests:
            wire.check_streaming(first, is_first=True)
            stream = Stream(self._pulled(first.subscription), first)
            async for response in stream.responses(requests):
                yield response
            return

    async def acknowledge(self, request: Any) -> Any:
        self._pulled(request.subscription).acknowledge(request.ack_ids)
        return Empty()

    async def modify_ack_deadline(self, request: Any) -> Any:
        subscription = self._pulled(request.subscription)
        if not 0 <= request.ack_deadline_seconds <= 600:
            raise InvalidArgument(f"Ack deadline out of bounds: {request.ack_deadline_seconds} s, 0 to 600")
        subscription.modify_deadline(request.ack_ids, request.ack_deadline_seconds)
        return Empty()

    async def seek(self, request: Any) -> Any:
        subscription = self._broker.subscription(request.subscription)
        subscription.seek(wire.seek_moment(request))
        return _SeekResponse()

    def handlers(self) -> dict[str, Handler]:
        resource = types.Subscription.pb()
        deletion = types.DeleteSubscriptionRequest.pb()
        return {
            "CreateSubscription": unary(self.create_subscription, resource, resource),
            "GetSubscription": unary(self.get_subscription, types.GetSubscriptionRequest.pb(), resource),
            "DeleteSubscription": unary(self.delete_subscription, deletion, Empty),
            "ModifyPushConfig": unary(self.modify_push_config, types.ModifyPushConfigRequest.pb(), Empty),
            "StreamingPull": conversation(
                self.streaming_pull, types.StreamingPullRequest.pb(), wire.StreamingPullResponse
            ),
            "Pull": unary(self.pull, types.PullRequest.pb(), _PullResponse),
            "Acknowledge": unary(self.acknowledge, types.AcknowledgeRequest.pb(), Empty),
            "Seek": unary(self.seek, types.SeekRequest.pb(), _SeekResponse),
            "ModifyAckDeadline": unary(self.modify_ack_deadline, types.ModifyAckDeadlineRequest.pb(), Empty),
        }

    def _keep(self, resource: Any) -> None:
        self._ledger.subscription_changed(resource.name, resource.topic, resource.SerializeToString())
        self._resources[resource.name] = resource

    def _pulled(self, name: str) -> PullSubscription:
        subscription = self._broker.subscription(name)
        if not isinstance(subscription, PullSubscription):
            raise FailedPrecondition(f"{name} is a push subscription: it can't be pulled from")
        return subscription


@asynccontextmanager
async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    data: Path | None = None,
    faults: Faults | None = None,
) -> AsyncIterator[Endpoint]:
    """Serves a Pub/Sub until the block ends; port 0 takes any free one. Raises serving.PortTaken.

    It begins empty, or with what is in the file `data`, which then keeps it. A push subscription from there
    pushes nothing before a ModifyPushConfig.
    """
    kept = KeptLedger(data) if data else None
    ledger = kept or Ledger()

    def open_subscription(settings: SubscriptionSettings, forward: Forward) -> Subscription:
        if settings.push_endpoint:
            return PushSubscription(settings, forward, ledger, PUSH_CONCURRENCY, faults)
        return PullSubscription(settings, forward, ledger, faults)

    broker = Broker(open_subscription, wire.publish_moment, ledger, kept.last_id() if kept else 0)
    subscriber = SubscriberService(broker, ledger)
    if kept:
        broker.restore(kept.topics())
        for subscription in kept.subscriptions():
            subscriber.restore(subscription)
    services = {
        "google.pubsub.v1.Publisher": PublisherService(broker).handlers(),
        "google.pubsub.v1.Subscriber": subscriber.handlers(),
        REPORTING: ReportingService(broker).handlers(),
    }
    try:
        async with listening(services, host, port, faults) as endpoint:
            yield endpoint
    finally:
        await broker.close()
        if kept:
            kept.close()
