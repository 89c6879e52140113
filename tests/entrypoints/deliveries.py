"""Requests as Pub/Sub and Eventarc make them, and events to put into them."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import orjson

SHAPES = ("wrapped push", "binary CloudEvent", "structured CloudEvent")
_CLOUD_EVENT = {
    "specversion": "1.0",
    "type": "google.cloud.pubsub.topic.v1.messagePublished",
    "source": "//pubsub.googleapis.com/projects/cqc-local/topics/t",
}


def new_id(kind: str) -> str:
    """An id that no other test uses."""
    return f"{kind}-{uuid4().hex}"


def ago(**since: float) -> str:
    """The time that long ago, in ISO 8601."""
    return (datetime.now(UTC) - timedelta(**since)).isoformat()


def push(data: bytes, message_id: str, attributes: Mapping[str, str] | None = None) -> bytes:
    """The body of a wrapped push."""
    message: dict[str, object] = {
        "data": b64encode(data).decode(),
        "messageId": message_id,
        "message_id": message_id,
        "publishTime": ago(),
        "attributes": dict(attributes or {}),
    }
    return orjson.dumps(
        {"message": message, "subscription": "projects/cqc-local/subscriptions/s", "deliveryAttempt": 1}
    )


def shaped(
    shape: str, data: bytes, message_id: str, attributes: Mapping[str, str] | None = None
) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a delivery of this shape."""
    body = push(data, message_id, attributes)
    event = _CLOUD_EVENT | {"id": message_id}
    if shape == "binary CloudEvent":
        return body, {f"ce-{name}": value for name, value in event.items()}
    if shape == "structured CloudEvent":
        whole = event | {"datacontenttype": "application/json", "data": orjson.loads(body)}
        return orjson.dumps(whole), {"Content-Type": "application/cloudevents+json"}
    return body, {}


def raw(event_id: object = ..., **fields: object) -> dict[str, object]:
    """A producer's event of just now; a field of the value `...` is left out, as the id is by default."""
    whole = {
        "event_id": event_id,
        "location_id": "1-466088203",
        "event_type": "compliance_alert",
        "timestamp": ago(seconds=1),
        "metrics": {"severity": "high"},
    } | fields
    return {name: value for name, value in whole.items() if value is not ...}


def parsed(event_id: str, **fields: object) -> dict[str, object]:
    """The same as `parse` sends it on."""
    times = {"event_timestamp": ago(seconds=1), "publish_timestamp": ago(), "processing_timestamp": ago()}
    return raw(event_id, timestamp=..., pipeline_version="1", **(times | fields))


def with_metrics(event: dict[str, object], metrics: bytes) -> bytes:
    """The event's JSON with these metrics as they are, however odd."""
    return orjson.dumps(event | {"metrics": 0}).replace(b'"metrics":0', b'"metrics":' + metrics)
