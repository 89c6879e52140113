"""Events from a subscription.

A message is acknowledged once its replay has succeeded; the others are released at the end.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import cast

from google.api_core.exceptions import (
    DeadlineExceeded,
    FailedPrecondition,
    GoogleAPICallError,
    NotFound,
    ServiceUnavailable,
)
from google.pubsub_v1.types import ReceivedMessage

from shared.message import Message
from shared.topology import DEAD_LETTER_TOPIC, EVENTS_TOPIC, MONITOR, subscription_name
from tools.errors import CommandError, UsageError
from tools.pipeline.pubsub import TIMEOUT, PubSub
from tools.replay.items import Item, NotAnEvent, of_message

PULLED = 100
"""Messages per pull: few enough to be replayed within a lease (60 s) at a function's usual pace."""
PATIENCE = 5.0
"""Seconds within which a pull must return a message, or the backlog counts as empty. Pub/Sub may return none
while there are some: they are left for the next run."""
SHORT_NAMES = {
    MONITOR: subscription_name(EVENTS_TOPIC, MONITOR),
    "dead-letter": subscription_name(DEAD_LETTER_TOPIC, "deadletter"),
}


def subscription_path(project: str, name: str) -> str:
    """The full name of a subscription that is given by its full, last or short name."""
    if name.startswith("projects/"):
        return name
    return f"projects/{project}/subscriptions/{SHORT_NAMES.get(name, name)}"


class SubscriptionSource:
    """What a pull subscription holds, without the messages that this replay itself publishes."""

    def __init__(self, pubsub: PubSub, subscription: str, keep: bool) -> None:
        """`keep` acknowledges nothing, for a dry run."""
        self._pubsub = pubsub
        self._subscription = subscription
        self._keep = keep
        self._held: dict[str, None] = {}
        self._seen: set[str] = set()
        self.skipped: list[str] = []

    def batches(self) -> Iterator[Sequence[Item]]:
        while received := self._pull():
            self._held |= dict.fromkeys(leased.ack_id for leased in received)
            fresh = [leased for leased in received if leased.message.message_id not in self._seen]
            self._seen |= {leased.message.message_id for leased in fresh}
            if not fresh:  # only messages that came back or that we sent
                return
            yield [item for leased in fresh for item in self._item(leased)]

    def done(self, sent: Sequence[Item], message_ids: Sequence[str]) -> None:
        self._seen |= set(message_ids)
        ack_ids = [item.ack_id for item in sent]
        if ack_ids and not self._keep:
            self._call("acknowledge", ack_ids=ack_ids)
            for ack_id in ack_ids:
                del self._held[ack_id]

    def close(self) -> None:
        held = list(self._held)
        for start in range(0, len(held), 1000):
            self._call("modify_ack_deadline", ack_ids=held[start : start + 1000], ack_deadline_seconds=0)
        self._held.clear()

    def _item(self, received: ReceivedMessage) -> list[Item]:
        try:
            return [of_message(_message(received, self._subscription), received.ack_id)]
        except NotAnEvent as reason:
            self.skipped.append(f"message {received.message.message_id}: {reason}")
            return []

    def _pull(self) -> Sequence[ReceivedMessage]:
        try:
            answer = self._pubsub.subscriber.pull(
                subscription=self._subscription, max_messages=PULLED, retry=None, timeout=PATIENCE
            )
        except DeadlineExceeded:
            self._check_answers()
            return ()
        except NotFound:
            known = " or ".join(SHORT_NAMES)
            raise UsageError(
                f"there is no subscription {self._subscription}: name another, or {known}"
            ) from None
        except FailedPrecondition:
            raise UsageError(_is_pushed(self._subscription)) from None
        except GoogleAPICallError as error:
            raise CommandError(f"pulling from {self._subscription} failed: {error.message}") from None
        return answer.received_messages

    def _check_answers(self) -> None:
        """Raises CommandError if Pub/Sub is silent: an empty subscription lets a pull wait just as long."""
        try:
            self._pubsub.subscriber.get_subscription(
                subscription=self._subscription, retry=None, timeout=PATIENCE
            )
        except (DeadlineExceeded, ServiceUnavailable):
            raise CommandError(
                f"Pub/Sub did not answer within {PATIENCE:g} s, so nothing is known about "
                f"{self._subscription}: is it frozen or overloaded? Look with `cqc doctor`"
            ) from None
        except GoogleAPICallError:
            return  # an answer, such as that we may pull but not look

    def _call(self, method: str, **fields: object) -> None:
        try:
            getattr(self._pubsub.subscriber, method)(
                request={"subscription": self._subscription, **fields}, retry=None, timeout=TIMEOUT
            )
        except GoogleAPICallError as error:
            raise CommandError(
                f"{method} on {self._subscription} failed ({error.message}): "
                "the messages will be redelivered, which changes no count"
            ) from None


def _is_pushed(subscription: str) -> str:
    name = subscription.rsplit("/", 1)[1]
    return (
        f"{name} pushes to its function, so it can't be pulled from: take the rows with --errors, "
        f'or stop the push with `gcloud pubsub subscriptions modify-push-config {name} --push-endpoint=""`'
    )


def _message(received: ReceivedMessage, subscription: str) -> Message:
    message = received.message
    return Message(
        data=message.data,
        message_id=message.message_id,
        attributes=dict(message.attributes),
        publish_time=cast("datetime", message.publish_time).astimezone(UTC),
        subscription=subscription,
        delivery_attempt=received.delivery_attempt or None,
    )
