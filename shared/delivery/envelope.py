"""Decodes the three shapes in which Pub/Sub or Eventarc pushes a message to a function.

- wrapped push: `{"message": {...}, "subscription": ..., "deliveryAttempt": ...}`
- CloudEvent, binary mode: the same body, the event's attributes in `ce-*` headers
- CloudEvent, structured mode: `{"specversion": "1.0", ..., "data": {"message": {...}}}` (or `data_base64`)

Source: https://cloud.google.com/pubsub/docs/push#receive_push and
https://cloud.google.com/eventarc/docs/workflows/cloudevents (google.cloud.pubsub.topic.v1.messagePublished).
"""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from shared.errors import BadRequest
from shared.json_size import is_bloated
from shared.message import Message


def decode_request(body: bytes) -> Message:
    """The message in a request's body; raises BadRequest that says what is wrong with it."""
    envelope = _json_object(body, "the request body")
    if "specversion" in envelope:
        envelope = _cloud_event_data(envelope)
    message = envelope.get("message")
    if not isinstance(message, dict):
        raise BadRequest(
            'the request body has no "message" object: send a Pub/Sub push or a CloudEvent with one'
        )
    message_id = message.get("messageId") or message.get("message_id")
    if not isinstance(message_id, str) or not message_id:
        raise BadRequest('"message.messageId" must be a non-empty string: Pub/Sub always sends one')
    return Message(
        data=_base64(message.get("data", ""), "message.data"),
        message_id=message_id,
        attributes=_attributes(message.get("attributes")),
        publish_time=_publish_time(message.get("publishTime") or message.get("publish_time")),
        subscription=str(envelope.get("subscription") or ""),
        delivery_attempt=_delivery_attempt(envelope.get("deliveryAttempt")),
    )


def _json_object(text: bytes, name: str) -> dict[str, object]:
    if is_bloated(text):
        raise BadRequest(f"{name} has far more values than a delivery: send a Pub/Sub push or a CloudEvent")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"{name} is not JSON ({error}): send a Pub/Sub push or a CloudEvent") from error
    if not isinstance(value, dict):
        raise BadRequest(f"{name} is not a JSON object: send a Pub/Sub push or a CloudEvent")
    return value


def _cloud_event_data(event: Mapping[str, object]) -> dict[str, object]:
    if "data_base64" in event:
        return _json_object(_base64(event["data_base64"], "data_base64"), "the CloudEvent's data")
    data = event.get("data")
    if not isinstance(data, dict):
        raise BadRequest('the CloudEvent\'s "data" is not an object with a Pub/Sub "message"')
    return data


def _base64(value: object, name: str) -> bytes:
    if not isinstance(value, str):
        raise BadRequest(f'"{name}" must be base64 text')
    try:
        return b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f'"{name}" is not base64: {error}') from error


def _attributes(value: object) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise BadRequest('"message.attributes" must be an object of strings')
    return value


def _publish_time(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # overflow: before year 1 or after 9999 once in UTC
        pass
    raise BadRequest('"message.publishTime" must be an RFC 3339 time')


def _delivery_attempt(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31):
        return value
    raise BadRequest('"deliveryAttempt" must be a whole number, as Pub/Sub counts them')
