"""One event on its way back into the pipeline, whatever its source. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Literal

import orjson

from functions.deadletter.triage import is_dead_letter, record_in
from shared import __version__
from shared.dead_letters.record import MAX_PAYLOAD, DeadLetterRecord, read_hints
from shared.delivery.envelope import decode_request
from shared.errors import BadRequest, ErrorType
from shared.message import IDENTITY_ATTRIBUTE, Message

Stage = Literal["parse", "features"]
"""The function that an event goes to: parse takes producers' events, features those that parse made."""

REPLAY_OF = "replay_of"
REPLAY_COUNT = "replay_count"
_NOT_CARRIED = ("goog", "CloudPubSubDeadLetterSource")
"""Attributes that Pub/Sub sets itself; it refuses those that begin with goog."""
_PARSED_FIELDS = {"event_id", "event_timestamp", "processing_timestamp"}


class NotAnEvent(Exception):
    """Something that holds no event to send, such as a dead letter of the flush; the text says what."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What identifies a failure."""

    stage: str
    error_type: str
    error_timestamp: datetime
    error_message: str


@dataclass(frozen=True, slots=True)
class Item:
    """An event to send again; `data` is the message as it was first received."""

    data: bytes
    attributes: Mapping[str, str]
    event_id: str
    """Its identity: the producer's event_id, or the id of its first message."""
    stage: Stage
    taken_from: str
    publish_time: datetime | None = None
    dead_letter: DeadLetter | None = None
    ack_id: str = ""
    """Empty unless it was pulled from a subscription."""

    @property
    def location_id(self) -> str | None:
        return read_hints(self.data).location_id

    @property
    def has_new_identity(self) -> bool:
        """Whether it is known by its bytes, as nothing else is known of it."""
        return self.event_id == identity_of(self.data)

    @property
    def replay_count(self) -> int:
        """How many times it will have been sent again, including this one."""
        earlier = self.attributes.get(REPLAY_COUNT, "")
        return int(earlier) + 1 if earlier.isdecimal() and len(earlier) < 9 else 1

    def outgoing_attributes(self) -> dict[str, str]:
        """The first message's attributes, and those of a replay; its identity if the event holds none."""
        carried = {
            name: value for name, value in self.attributes.items() if not name.startswith(_NOT_CARRIED)
        }
        carried |= {REPLAY_OF: self.taken_from, REPLAY_COUNT: str(self.replay_count)}
        if self.stage == "parse" and read_hints(self.data).event_id is None:
            carried[IDENTITY_ATTRIBUTE] = self.event_id
        return carried


def of_record(record: DeadLetterRecord, ack_id: str = "") -> Item:
    """The event in a dead letter; raises NotAnEvent."""
    if record.stage not in ("parse", "features"):
        raise NotAnEvent(f"dead letters of {record.stage} hold no event to send again")
    if record.error_type is ErrorType.FEATURE_STORE_WRITE_FAILED:
        raise NotAnEvent("it is about online values, not an event: its message names the cqc heal-online")
    if len(record.payload) >= MAX_PAYLOAD:
        raise NotAnEvent(f"the payload was cut to {MAX_PAYLOAD:,} bytes when it was recorded")
    moment = record.error_timestamp.astimezone(UTC)
    return Item(
        data=record.payload,
        attributes=record.attributes,
        event_id=record.event_id or identity_of(record.payload),
        stage="parse" if record.stage == "parse" else "features",
        taken_from=f"{record.stage}/{record.error_type.value}/{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
        publish_time=record.publish_timestamp,
        dead_letter=DeadLetter(record.stage, record.error_type.value, moment, record.error_message),
        ack_id=ack_id,
    )


def of_message(message: Message, ack_id: str = "") -> Item:
    """The event in a message of any of the three topics; raises NotAnEvent."""
    if is_dead_letter(message):
        given_up_at = message.publish_time or datetime.now(UTC)
        return of_record(record_in(message, given_up_at, __version__), ack_id)
    return Item(
        data=message.data,
        attributes=message.attributes,
        event_id=read_hints(message.data).event_id or message.original_id,
        stage=stage_of(message.data),
        taken_from=message.message_id,
        publish_time=message.publish_time,
        ack_id=ack_id,
    )


def of_line(line: bytes, place: str) -> Item:
    """The event in a line of a file: the event itself, or a recorded push of it; raises NotAnEvent.

    `place` names the line. An event without an event_id is identified by its bytes, so that replaying a file
    twice counts each event once.
    """
    if _is_push(line):
        try:
            return of_message(decode_request(line))
        except BadRequest as error:
            raise NotAnEvent(f"{place} looks like a recorded push but is not: {error}") from None
    return Item(
        data=line,
        attributes={},
        event_id=read_hints(line).event_id or identity_of(line),
        stage=stage_of(line),
        taken_from=place,
    )


def identity_of(data: bytes) -> str:
    """An identity for an event that did not come in a message."""
    return f"replay-{blake2b(data, digest_size=16).hexdigest()}"


def stage_of(data: bytes) -> Stage:
    """Whether these bytes are a producer's event, or one that parse made."""
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError:
        return "parse"
    return "features" if isinstance(fields, dict) and fields.keys() >= _PARSED_FIELDS else "parse"


def _is_push(line: bytes) -> bool:
    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(body, dict) and (isinstance(body.get("message"), dict) or "specversion" in body)
