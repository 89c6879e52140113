"""The three shapes in which an event is pushed to a function (shared/delivery/envelope.py). Pure."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import orjson

from tools.replay.items import Item

_TYPE = "google.cloud.pubsub.topic.v1.messagePublished"


class Shape(StrEnum):
    """How an event is wrapped."""

    WRAPPED = "wrapped"
    BINARY = "cloudevent-binary"
    STRUCTURED = "cloudevent-structured"


@dataclass(frozen=True, slots=True)
class Post:
    """One HTTP request."""

    headers: Mapping[str, str]
    body: bytes


def push_body(item: Item) -> dict[str, object]:
    """The wrapped push: the event's identity as messageId, and its first publish time."""
    message: dict[str, object] = {
        "data": b64encode(item.data).decode(),
        "attributes": item.outgoing_attributes(),
        "messageId": item.event_id,
    }
    if item.publish_time is not None:
        message["publishTime"] = _time(item.publish_time)
    return {"message": message, "subscription": f"projects/replay/subscriptions/{item.stage}"}


def post_of(item: Item, shape: Shape, now: datetime) -> Post:
    """The request that pushes the event at `now`."""
    body = push_body(item)
    event = {
        "specversion": "1.0",
        "id": item.event_id,
        "source": f"//pubsub.googleapis.com/projects/replay/topics/{item.stage}",
        "type": _TYPE,
        "time": _time(now),
    }
    if shape is Shape.STRUCTURED:
        return Post(
            {"Content-Type": "application/cloudevents+json"},
            orjson.dumps({**event, "datacontenttype": "application/json", "data": body}),
        )
    headers = {"Content-Type": "application/json"}
    if shape is Shape.BINARY:
        # A header holds only Latin-1; a producer's id may hold anything.
        headers |= {f"ce-{name}": value.encode("ascii", "replace").decode() for name, value in event.items()}
    return Post(headers, orjson.dumps(body))


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
