"""The tools' Pub/Sub client: creates topics and subscriptions, and publishes many lines at once."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import grpc
from google.api_core.exceptions import AlreadyExists, GoogleAPICallError, InvalidArgument
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import (
    DeadLetterPolicy,
    PublishRequest,
    PubsubMessage,
    PushConfig,
    RetryPolicy,
    Subscription,
)

from shared.topology import MONITOR, PUSHED, subscription_name, topic_path
from tools.errors import CommandError

if TYPE_CHECKING:
    from tools.pipeline.address import ChainAddress

TIMEOUT = 20.0
ACK_DEADLINE = 60
"""Seconds; at least a function's timeout, or Pub/Sub redelivers messages that are still in process."""
DELIVERY_ATTEMPTS = 100
"""Then the dead letter, as in the cloud. With the backoff this is an hour and a half, long enough to fix what
is broken here: the dead-letter brake and a stand-in's outage are answered retryably (docs/decisions/0040)."""
MIN_BACKOFF, MAX_BACKOFF = 1, 60
MONITOR_RETENTION = 7 * 24 * 3600

_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
"""Else gRPC shares one between all clients of an address in a process, and a new client fails at once while
an older one waits to reconnect, though Pub/Sub has just been started again."""

_Request = PublishRequest.pb()
_Message = PubsubMessage.pb()


class PublishRefused(CommandError):
    """A message of the request can never be published."""


class PubSub:
    """A client of the Pub/Sub at `endpoint` (host:port, no credentials), or of Google's (None)."""

    def __init__(self, endpoint: str | None) -> None:
        self._endpoint = endpoint or "pubsub.googleapis.com"
        self._channel = grpc.insecure_channel(endpoint, options=_OWN_CONNECTION) if endpoint else None
        transport = PublisherGrpcTransport(channel=self._channel) if self._channel else None
        self._publisher = PublisherClient(transport=transport)

    @property
    def publisher(self) -> PublisherClient:
        """The client for topics."""
        return self._publisher

    @cached_property
    def subscriber(self) -> SubscriberClient:
        """The client for subscriptions, at the same endpoint."""
        transport = SubscriberGrpcTransport(channel=self._channel) if self._channel else None
        return SubscriberClient(transport=transport)

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()

    def publish(self, topic: str, lines: Sequence[bytes]) -> list[str]:
        """The message ids of `lines`, in order; raises CommandError when they are not published."""
        return self.publish_messages(topic, [(line, {}) for line in lines])

    def publish_messages(
        self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]], timeout: float = TIMEOUT
    ) -> list[str]:
        """The same for data with attributes, within one request's limits (tools/pipeline/publishing.py)."""
        request = _Request(topic=topic)
        for data, attributes in messages:
            request.messages.append(_Message(data=data, attributes=attributes))
        try:
            answer = self._publisher.publish(
                request=PublishRequest.wrap(request), retry=None, timeout=timeout
            )
        except InvalidArgument as error:
            raise PublishRefused(f"Pub/Sub refused messages for {topic}: {error.message}") from None
        except GoogleAPICallError as error:
            raise CommandError(
                f"publishing to {topic} at {self._endpoint} failed ({error.message}): "
                "does the topic exist, is the chain still running, may you publish to it?"
            ) from None
        return list(answer.message_ids)

    def create_topology(self, chain: "ChainAddress") -> None:
        """Creates the chain's topics and subscriptions, as Terraform does in the cloud."""
        try:
            for topic in chain.topics.values():
                self._create_topic(topic)
            for subscription in subscriptions(chain):
                _create_subscription(self.subscriber, subscription)
        except GoogleAPICallError as error:
            raise CommandError(
                f"creating topics and subscriptions at {self._endpoint} failed ({error.message}): "
                "see pubsub's log"
            ) from None

    def _create_topic(self, topic: str) -> None:
        try:
            self._publisher.create_topic(name=topic, retry=None, timeout=TIMEOUT)
        except AlreadyExists:
            return


def _create_subscription(subscriber: SubscriberClient, subscription: Subscription) -> None:
    try:
        subscriber.create_subscription(request=subscription, retry=None, timeout=TIMEOUT)
    except AlreadyExists:
        # Its function may have another port this time, or another driver.
        subscriber.modify_push_config(
            subscription=subscription.name,
            push_config=subscription.push_config,
            retry=None,
            timeout=TIMEOUT,
        )


def subscriptions(chain: "ChainAddress") -> list[Subscription]:
    """Three that feed the functions, and a pull subscription for looking at the raw stream."""
    events = chain.topics["events"]
    return [
        *(_feeding(chain, function, topic_path(chain.project, topic)) for function, topic in PUSHED.items()),
        Subscription(
            name=subscription_name(events, MONITOR),
            topic=events,
            message_retention_duration=Duration(seconds=MONITOR_RETENTION),
        ),
    ]


def _feeding(chain: "ChainAddress", function: str, topic: str) -> Subscription:
    """Pushes to the function, or is pulled by it: without an endpoint, and for the rest the same."""
    dead = chain.topics["dead_letter"]
    policy = DeadLetterPolicy(dead_letter_topic=dead, max_delivery_attempts=DELIVERY_ATTEMPTS)
    backoff = RetryPolicy(
        minimum_backoff=Duration(seconds=MIN_BACKOFF), maximum_backoff=Duration(seconds=MAX_BACKOFF)
    )
    return Subscription(
        name=subscription_name(topic, function),
        topic=topic,
        push_config=PushConfig(push_endpoint=chain.functions.get(function, "")),
        ack_deadline_seconds=ACK_DEADLINE,
        # With a backoff Google's emulator stops delivering for good when messages fail together; without one
        # it delivers a failed message again after a second (docs/proof.md).
        retry_policy=None if chain.emulators else backoff,
        # Dead letters themselves have nowhere left to be forwarded to.
        dead_letter_policy=None if topic == dead else policy,
    )
