"""What the Pub/Sub stand-in keeps: messages, subscription settings, and deliveries."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A published message."""

    data: bytes
    attributes: Mapping[str, str]
    ordering_key: str
    message_id: str
    publish_time: datetime

    @property
    def size(self) -> int:
        """Bytes of data and attributes, as flow control counts them."""
        return len(self.data) + sum(len(key) + len(value) for key, value in self.attributes.items())

    @property
    def published(self) -> str:
        """The publish time as Pub/Sub writes it: RFC 3339 in UTC, to the millisecond."""
        moment = self.publish_time.astimezone(UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a failed message waits: `minimum` seconds, doubled per failure, at most `maximum`."""

    minimum: float
    maximum: float

    def after(self, attempt: int) -> float:
        """Seconds to wait after delivery number `attempt` (from 1) failed."""
        # The exponent is capped only because a large one overflows the float.
        return min(self.maximum, self.minimum * 2.0 ** min(attempt - 1, 60))


@dataclass(frozen=True, slots=True)
class DeadLetterPolicy:
    """Where a message goes after failing `max_delivery_attempts` times."""

    topic: str
    max_delivery_attempts: int


@dataclass(frozen=True, slots=True)
class SubscriptionSettings:
    """A subscription as it was created; `push_endpoint` is empty for a pull subscription."""

    name: str
    topic: str
    push_endpoint: str
    ack_deadline: float
    backoff: Backoff
    dead_letters: DeadLetterPolicy | None

    def shows_attempt(self) -> bool:
        """Deliveries are counted for every subscription, but shown only with a dead-letter policy."""
        return self.dead_letters is not None


@dataclass(slots=True)
class Delivery:
    """A message on its way to a subscriber; `attempt` counts from 1."""

    message: Message
    attempt: int = 1
    answer: int | None = None
    """The status of the last one, NO_ANSWER for none; None before the first."""
