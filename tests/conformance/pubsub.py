"""The Pub/Sub under test, through Google's own clients, with names that no other test uses."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc.aio
import pytest
from google.pubsub_v1 import PublisherAsyncClient, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from google.pubsub_v1.types import ReceivedMessage, Subscription

from tests.conformance.backends import Backend, Kind

WAIT_SECONDS = 30
QUICK_RETRY = {"minimum_backoff": {"nanos": 100_000_000}, "maximum_backoff": {"nanos": 500_000_000}}


@dataclass(frozen=True, slots=True)
class PubSub:
    """The clients, in a project that no other test uses."""

    kind: Kind
    publisher: PublisherAsyncClient
    subscriber: SubscriberAsyncClient
    project: str

    def name(self, collection: str) -> str:
        """An unused full name; `collection` is topics or subscriptions."""
        return f"projects/{self.project}/{collection}/n{uuid4().hex}"

    async def topic(self) -> str:
        topic = await self.publisher.create_topic(name=self.name("topics"))
        return topic.name

    async def subscription(self, topic: str, **settings: Any) -> Subscription:
        return await self.subscriber.create_subscription(
            request={"name": self.name("subscriptions"), "topic": topic, **settings}
        )

    async def push_subscription(self, topic: str, url: str, **settings: Any) -> Subscription:
        return await self.subscription(topic, push_config={"push_endpoint": url}, **settings)

    async def publish(self, topic: str, *payloads: bytes, **fields: Any) -> Sequence[str]:
        """Publishes one message per payload; returns the ids."""
        messages: list[dict[str, Any]] = [{"data": payload, **fields} for payload in payloads]
        response = await self.publisher.publish(request={"topic": topic, "messages": messages})
        return response.message_ids

    async def pull(self, subscription: str) -> ReceivedMessage:
        """Waits for the next message."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                response = await self.subscriber.pull(subscription=subscription, max_messages=1)
                if response.received_messages:
                    return response.received_messages[0]

    async def glance(self, subscription: str) -> Sequence[ReceivedMessage]:
        """What can be pulled now, without waiting."""
        with pytest.warns(DeprecationWarning, match="return_immediately"):
            response = await self.subscriber.pull(
                request={"subscription": subscription, "max_messages": 10, "return_immediately": True}
            )
        return response.received_messages

    async def acknowledge(self, subscription: str, *received: ReceivedMessage) -> None:
        await self.subscriber.acknowledge(
            subscription=subscription, ack_ids=[message.ack_id for message in received]
        )

    async def expire(self, subscription: str, received: ReceivedMessage, seconds: int = 0) -> None:
        """Moves the message's ack deadline to `seconds` from now."""
        await self.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[received.ack_id], ack_deadline_seconds=seconds
        )


@asynccontextmanager
async def connected(backend: Backend) -> AsyncIterator[PubSub]:
    """Clients in the running loop."""
    whole = [("grpc.max_receive_message_length", -1)]  # as the official client opens it
    async with grpc.aio.insecure_channel(backend.address, whole) as channel:
        yield PubSub(
            kind=backend.kind,
            publisher=PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel)),
            subscriber=SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel)),
            project=f"p{uuid4().hex[:12]}",
        )
