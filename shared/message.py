"""Pub/Sub messages as plain values: a delivered one, and one to publish."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

IDENTITY_ATTRIBUTE = "cqc-event-id"
"""Set by a replay: the id of the event's first message, if the event has no event_id of its own.

A message that is published again gets a new id and would count as a new event (docs/decisions/0030)."""

HEARTBEAT_ATTRIBUTE = "cqc-heartbeat"
"""Marks the message that Cloud Scheduler sends through the chain each minute (docs/decisions/0027). From
`parse` on its value is when Pub/Sub took it, in ISO 8601."""
HEARTBEAT_DATA = b'{"event_id":"heartbeat"}'
"""All of its data: a producer's event is never taken for one, whatever its attributes."""
PROBE_ATTRIBUTE = "cqc-probe"
"""The name of a heartbeat that `cqc doctor --probe` sent, by which it finds it in the log of `features`."""


@dataclass(frozen=True, slots=True)
class Message:
    """One Pub/Sub message and what is known about its delivery."""

    data: bytes
    message_id: str
    attributes: Mapping[str, str]
    publish_time: datetime | None
    """When Pub/Sub accepted the message, UTC; None when a hand-made push leaves it out."""
    subscription: str
    """`projects/P/subscriptions/S`, or "" when unknown."""
    delivery_attempt: int | None
    """From 1; None if the subscription has no dead-letter policy."""

    @property
    def is_heartbeat(self) -> bool:
        """Whether this is no event, and must reach no table, window or online value."""
        return HEARTBEAT_ATTRIBUTE in self.attributes and self.data == HEARTBEAT_DATA

    @property
    def original_id(self) -> str:
        """Identifies an event without an event_id: the id of its first message."""
        return self.attributes.get(IDENTITY_ATTRIBUTE) or self.message_id


@dataclass(frozen=True, slots=True)
class OutMessage:
    """A message to publish."""

    data: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Roughly its bytes on the wire."""
        return len(self.data) + sum(len(key) + len(value) for key, value in self.attributes.items()) + 32
