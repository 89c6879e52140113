"""Messages and events for the unit tests; a test states only the fields that it is about."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import orjson
import pytest

from functions.parse.decoding import Decoder
from shared.errors import BadRequest, Reject
from shared.events import Event, encode
from shared.message import Message

T = TypeVar("T")

NOW = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
"""A Wednesday at noon; London has no summer time then."""
EVENT_TIME = "2026-03-11T11:59:58Z"

DECODER = Decoder(pipeline_version="1.2.3", max_event_bytes=262_144, max_future=timedelta(minutes=5))


def message(
    data: bytes,
    message_id: str = "message-1",
    attributes: Mapping[str, str] | None = None,
    publish_time: datetime | None = NOW,
    subscription: str = "projects/p/subscriptions/s",
    delivery_attempt: int | None = None,
) -> Message:
    """As Pub/Sub would deliver it."""
    return Message(data, message_id, attributes or {}, publish_time, subscription, delivery_attempt)


def raw(event_type: object = "rating_change", **fields: object) -> dict[str, object]:
    """What a producer sends; a field of the value `...` is left out."""
    whole = {
        "location_id": "1-466088203",
        "event_type": event_type,
        "timestamp": EVENT_TIME,
        "metrics": {},
    } | fields
    return {name: value for name, value in whole.items() if value is not ...}


def event(event_type: str = "rating_change", metrics: object = None, **fields: object) -> Event:
    """A valid event with these metrics, decoded at NOW."""
    data = orjson.dumps(raw(event_type, metrics={} if metrics is None else metrics, **fields))
    return DECODER.decode(message(data), NOW)[0]


def outcome(work: Callable[[], T]) -> T | Reject | BadRequest:
    """The result of `work` or its verdict; anything else that it raises is a bug."""
    try:
        return work()
    except (Reject, BadRequest) as verdict:
        return verdict


def nested_json(depth: int) -> bytes:
    """Objects in objects, `depth` braces deep, even deeper than an encoder would write."""
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


def decode(data: object) -> Event:
    """As `parse` does it, including the bytes that it publishes."""
    text = data if isinstance(data, bytes) else orjson.dumps(data)
    decoded, _ = DECODER.decode(message(text), NOW)
    encode(decoded)
    return decoded


def rejected(data: object) -> Reject:
    with pytest.raises(Reject) as caught:
        decode(data)
    return caught.value
