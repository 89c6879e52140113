"""The stand-in's own calls, for `cqc status` and `cqc doctor`: what each subscription holds."""

import asyncio
from collections.abc import Iterator

import grpc
from pydantic import TypeAdapter

from tools.pipeline.pubsub_state import FIND, MOST_FOUND, STATE, Held, PubSubState, SubscriptionState
from tools.standins.pubsub.broker import Broker
from tools.standins.pubsub.model import Delivery, Message
from tools.standins.pubsub.pull import PullSubscription
from tools.standins.pubsub.subscriptions import Subscription
from tools.standins.serving import Context, Handler

_HELD = TypeAdapter(list[Held])


class ReportingService:
    """Answers in JSON: these are no calls of Google's API, so there are no messages for them."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def state(self, _request: bytes, _context: Context) -> bytes:
        now = asyncio.get_running_loop().time()
        subscriptions = self._broker.subscriptions().items()
        found = {name: _state(subscription, now) for name, subscription in subscriptions}
        return PubSubState(subscriptions=found).model_dump_json().encode()

    async def find(self, text: bytes, _context: Context) -> bytes:
        found = [
            Held(
                subscription=name,
                message_id=delivery.message.message_id,
                attempt=delivery.attempt,
                answer=delivery.answer,
            )
            for name, subscription in self._broker.subscriptions().items()
            for delivery in subscription.held()
            if _mentions(delivery.message, text)
        ]
        return _HELD.dump_json(found[:MOST_FOUND])

    def handlers(self) -> dict[str, Handler]:
        return {
            STATE: grpc.unary_unary_rpc_method_handler(self.state),
            FIND: grpc.unary_unary_rpc_method_handler(self.find),
        }


def _state(subscription: Subscription, now: float) -> SubscriptionState:
    held = list(subscription.held())
    return SubscriptionState(
        undelivered=len(held),
        oldest=min((delivery.message.publish_time for delivery in held), default=None),
        retried=sum(_was_delivered(delivery) for delivery in held),
        attempts=max((_deliveries(delivery) for delivery in held), default=0),
        answers=subscription.record.answers(now),
        answered=subscription.record.all_answers,
        acknowledged=list(subscription.record.recent(now)),
        streams=subscription.streams if isinstance(subscription, PullSubscription) else 0,
    )


def _deliveries(delivery: Delivery) -> int:
    """Those that failed: `attempt` is the one under way, or the next."""
    return delivery.attempt - 1


def _was_delivered(delivery: Delivery) -> bool:
    return delivery.attempt > 1


def _mentions(message: Message, text: bytes) -> bool:
    if message.message_id.encode() == text or text in message.data:
        return True
    return any(text in part.encode() for part in _attributes(message))


def _attributes(message: Message) -> Iterator[str]:
    for name, value in message.attributes.items():
        yield name
        yield value
