"""What each function does to a push, without its services: from the request's body to what a sink is given.

A door returns what the message came to; the only exceptions that it may raise are BadRequest and Reject.
What is returned was encoded: `tests/hostile/round_trips.py` decodes it again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from functions.aggregate.bucket import Pane
from functions.aggregate.emitting import row_of as row_of_pane
from functions.aggregate.window import Timing, Window
from functions.deadletter.triage import fallback_row, triage
from functions.features.writing import Item, check_not_far_ahead, item_of
from functions.parse.decoding import Decoder
from shared.clock import to_micros
from shared.dead_letters.record import RECORD_ATTRIBUTE, RECORD_KIND, record_of
from shared.delivery.envelope import decode_request
from shared.errors import Reject
from shared.events import Event, encode
from shared.gcp.feature_store_encoding import EntityEncoder
from shared.message import Message, OutMessage
from shared.settings import FeaturesSettings
from shared.tables import rows
from shared.tables.columns import REALTIME_FEATURES, REALTIME_FEATURES_AGGREGATED, STREAMING_ERRORS, Row
from shared.telemetry.trace_context import of_attributes
from shared.windows import segment
from shared.windows.key import WINDOW_MICROS
from tests.unit.builders import DECODER, NOW

_SETTINGS = FeaturesSettings(project_id="p", pipeline_version="1")
_DECODERS = (
    DECODER,
    Decoder("1.2.3", DECODER.max_event_bytes, DECODER.max_future, max_age=timedelta(days=730)),
)
_ENTITIES = EntityEncoder()


@dataclass(frozen=True, slots=True)
class Featured:
    """An event's item and all that is made of it: its row, its segment, its pane and its online values."""

    item: Item
    row: bytes
    segment: Mapping[str, bytes | str | int]
    pane: Row
    pane_row: bytes
    entity: bytes


@dataclass(frozen=True, slots=True)
class Parsed:
    """An event, as it goes to the next function, and what that makes of it: a Reject if it can't."""

    event: Event
    sent: OutMessage
    featured: "Featured | Reject"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that ends in streaming_errors, and its row there; `reject` is why, if it came as an event."""

    message: Message
    reject: Reject | None
    row: Row
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing to store."""


Result = Parsed | Featured | DeadLetter | Heartbeat


def parse(body: bytes) -> Result:
    """`parse`, and `features` behind it."""
    message = decode_request(body)
    of_attributes(message.attributes)
    if message.is_heartbeat:
        return Heartbeat()
    decoder = _DECODERS[len(body) % len(_DECODERS)]
    try:
        event, unknown = decoder.decode(message, NOW)
        data = encode(event)
    except Reject as reject:
        return dead_letter(message, reject, "parse")
    assert all(isinstance(name, str) for name in unknown)
    sent = OutMessage(data, {"event_id": event.event_id, "event_type": event.event_type})
    forwarded = Message(data, "18", sent.attributes, NOW, message.subscription, None)
    try:
        return Parsed(event, sent, featured(forwarded))
    except Reject as reject:
        dead_letter(forwarded, reject, "features")
        return Parsed(event, sent, reject)


def features(body: bytes) -> Result:
    """`features` alone, with what reached the parsed topic in another way."""
    message = decode_request(body)
    of_attributes(message.attributes)
    if message.is_heartbeat:
        return Heartbeat()
    try:
        return featured(message)
    except Reject as reject:
        return dead_letter(message, reject, "features")


def deadletter(body: bytes) -> Result:
    """`deadletter`: it may reject nothing, so a row that can't be encoded has a plain one in its place."""
    message = decode_request(body)
    row = triage(message, NOW, "1")
    try:
        encoded = rows.encode(STREAMING_ERRORS, row)
    except Reject as refusal:
        row = fallback_row(message, str(refusal), NOW, "1")
        encoded = rows.encode(STREAMING_ERRORS, row)
    return DeadLetter(message, None, row, encoded)


def featured(message: Message) -> Featured:
    """Raises Reject."""
    item = item_of(message, _SETTINGS.feature_timezone)
    check_not_far_ahead(item.contribution, NOW)
    item.row |= {"pipeline_version": "1", "is_late": False}
    row = rows.encode(REALTIME_FEATURES, item.row)
    fields = segment.encode([item.contribution])
    (event,) = segment.decode(fields)
    window, start = Window(), event.key.start
    window.add(event, start + WINDOW_MICROS)
    window.fire(Timing.EARLY, False, to_micros(NOW), 1)
    pane = row_of_pane(Pane(event.location_id, start, window))
    entity = _ENTITIES.encode(item.online.location_id, [item.online])
    return Featured(item, row, fields, pane, rows.encode(REALTIME_FEATURES_AGGREGATED, pane), entity)


def dead_letter(message: Message, reject: Reject, stage: str) -> DeadLetter:
    """From the rejection to the row, as `deadletter` writes it."""
    record = record_of(message, reject, stage=stage, now=NOW, pipeline_version="1")
    attributes = {RECORD_ATTRIBUTE: RECORD_KIND, "error_type": reject.error_type.value, "stage": stage}
    row = triage(Message(record.to_json(), "19", attributes, NOW, "s", 1), NOW, "1")
    return DeadLetter(message, reject, row, rows.encode(STREAMING_ERRORS, row))


Door = Callable[[bytes], Result]
DOORS: Mapping[str, Door] = {
    "parse": parse,
    "features": features,
    "deadletter": deadletter,
}
