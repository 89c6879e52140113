"""The dead-letter record: what failed, where and why, with the whole message so that it can be replayed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.errors import ErrorType, Reject
from shared.events import MAX_EVENT_ID, MAX_EVENT_TYPE, MAX_LOCATION_ID
from shared.message import Message

RECORD_ATTRIBUTE = "cqc-record"
RECORD_KIND = "failure"
"""The attribute that distinguishes our record from an original that Pub/Sub forwarded."""

MAX_RAW_DATA = 1_000
"""Characters of streaming_errors.raw_data: enough to recognise an event (docs/tables.md#streaming_errors)."""
MAX_PAYLOAD = 7_000_000
"""Bytes. In base64 that is 9.3 MB, the most that fits a Pub/Sub message (10 MB) with its attributes.
A longer message is cut to this, and error_message says so."""

MAX_HINTED = 1_000_000
"""Bytes: as long as MAX_EVENT_BYTES can make an event. A longer message is not parsed to see what it says of
itself: 10 MB of empty objects are 240 MB once they are."""


class DeadLetterRecord(BaseModel):
    """What becomes one row of streaming_errors; `payload` is the message's data as received."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    error_type: ErrorType
    error_message: str
    stage: str
    location_id: str | None = None
    event_type: str | None = None
    event_id: str | None = None
    payload: bytes
    attributes: dict[str, str] = Field(default_factory=dict)
    delivery_attempt: Annotated[int, Field(ge=0, le=2**31)] | None = None
    source_subscription: str | None = None
    publish_timestamp: AwareDatetime | None = None
    error_timestamp: AwareDatetime
    pipeline_version: str

    def to_json(self) -> bytes:
        """The record as the data of a dead-letter message."""
        return self.model_dump_json().encode()

    @property
    def raw_data(self) -> str:
        """The start of the payload as text, for people; bytes that are not UTF-8 show as U+FFFD."""
        return self.payload[: MAX_RAW_DATA * 4].decode("utf-8", errors="replace")[:MAX_RAW_DATA]


def record_of(
    message: Message, reject: Reject, *, stage: str, now: datetime, pipeline_version: str
) -> DeadLetterRecord:
    """The record of a message that `stage` rejected at `now`."""
    text, payload = str(reject), message.data
    if len(payload) > MAX_PAYLOAD:
        text = f"{text} [the payload is cut to {MAX_PAYLOAD} of its {len(payload)} bytes]"
        payload = payload[:MAX_PAYLOAD]
    hints = read_hints(message.data)
    return DeadLetterRecord(
        error_type=reject.error_type,
        error_message=text,
        stage=stage,
        location_id=hints.location_id,
        event_type=hints.event_type,
        event_id=hints.event_id or message.original_id,
        payload=payload,
        attributes=dict(message.attributes),
        delivery_attempt=message.delivery_attempt,
        source_subscription=message.subscription or None,
        publish_timestamp=message.publish_time,
        error_timestamp=now,
        pipeline_version=pipeline_version,
    )


@dataclass(frozen=True, slots=True)
class Hints:
    """What an invalid event says about itself, cut to the lengths of the columns; a field that is not text is
    None."""

    event_id: str | None = None
    location_id: str | None = None
    event_type: str | None = None


def read_hints(data: bytes) -> Hints:
    """The event's id, location and type, if the data is a JSON object that has them; never raises.

    Of data longer than MAX_HINTED nothing is known.
    """
    if len(data) > MAX_HINTED:
        return Hints()
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return Hints()
    if not isinstance(value, Mapping):
        return Hints()
    return Hints(
        event_id=_text(value.get("event_id"), MAX_EVENT_ID),
        location_id=_text(value.get("location_id"), MAX_LOCATION_ID),
        event_type=_text(value.get("event_type"), MAX_EVENT_TYPE),
    )


def _text(value: object, longest: int) -> str | None:
    return value[:longest] if isinstance(value, str) and value else None
