"""Decodes what a door has encoded, by other code than encoded it, and compares it to what went in."""

from datetime import datetime
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from shared.clock import to_micros
from shared.dead_letters.record import MAX_PAYLOAD
from shared.events import read
from shared.gcp.feature_store_messages import Entity
from shared.online import OnlineFeatures
from shared.tables import rows
from shared.tables.columns import (
    REALTIME_FEATURES,
    REALTIME_FEATURES_AGGREGATED,
    STREAMING_ERRORS,
    Row,
    Table,
)
from shared.windows import segment
from tests.hostile.doors import DeadLetter, Featured, Heartbeat, Parsed, Result

ATTRIBUTE_BYTES = 1024
"""What Pub/Sub takes as an attribute's value."""
MESSAGE_CHARACTERS = 2_000
"""A rejection's text: a person reads it, and a row has one."""


def check(result: Result) -> None:
    """Raises AssertionError when something does not come back as it went in."""
    match result:
        case Parsed():
            _parsed(result)
        case Featured():
            _featured(result)
        case DeadLetter():
            _dead_letter(result)
        case Heartbeat():
            pass


def _parsed(parsed: Parsed) -> None:
    again = read(parsed.sent.data)
    assert again == parsed.event, f"sent {parsed.event!r}, read {again!r}"
    for name, value in parsed.sent.attributes.items():
        assert 0 < len(value.encode()) <= ATTRIBUTE_BYTES, f"attribute {name} is refused by Pub/Sub"
    if isinstance(parsed.featured, Featured):
        _featured(parsed.featured)
        assert parsed.featured.item.row["event_id"] == parsed.event.event_id


def _featured(featured: Featured) -> None:
    item = featured.item
    _row(REALTIME_FEATURES, item.row, featured.row)
    assert list(segment.decode(featured.segment)) == [item.contribution]
    _row(REALTIME_FEATURES_AGGREGATED, featured.pane, featured.pane_row)
    (totals,) = orjson.loads(str(featured.pane["aggregated_features"])).values()
    assert totals["count"] == 1
    _entity(item.online, featured.entity)


def _dead_letter(letter: DeadLetter) -> None:
    _row(STREAMING_ERRORS, letter.row, letter.encoded)
    if letter.reject is not None:
        assert letter.row["payload"] == letter.message.data[:MAX_PAYLOAD]
        assert letter.row["error_type"] == letter.reject.error_type
        assert len(str(letter.reject)) <= MESSAGE_CHARACTERS, "the reason is too long to read"


def _row(table: Table, row: Row, encoded: bytes) -> None:
    message = _message_class(table).FromString(encoded)
    for name, value in row.items():
        if value is None:
            assert not message.HasField(name), f"{table.name}.{name} is null and came back"
            continue
        found = getattr(message, name)
        if isinstance(value, datetime):
            value = to_micros(value)
        elif isinstance(value, list):
            found = list(found)
        assert found == value, f"{table.name}.{name}: {value!r} came back as {found!r}"


@cache
def _message_class(table: Table) -> Any:
    pool = DescriptorPool()
    pool.Add(FileDescriptorProto(name="t.proto", syntax="proto2", message_type=[rows.descriptor(table)]))
    return GetMessageClass(pool.FindMessageTypeByName(table.name))


def _entity(online: OnlineFeatures, encoded: bytes) -> None:
    entity = Entity.FromString(encoded)
    assert entity.data_key.key == online.location_id
    found = {feature.name: _value(feature.value) for feature in entity.features}
    assert found == {name: value for name, value in online.values.items() if value is not None}
    (time,) = {feature.value.metadata.generate_time.ToMicroseconds() for feature in entity.features}
    assert time == to_micros(online.generate_time)


def _value(value: Any) -> object:
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return list(found.values) if kind == "string_array_value" else found


def outcome_of(result: Result) -> str:
    """One word or two for the report."""
    match result:
        case Parsed(featured=Featured()) | Featured():
            return "features"
        case Parsed(featured=reject):
            return f"parsed, then {reject.error_type.value}"  # type: ignore[union-attr]
        case DeadLetter():
            return str(result.row["error_type"])
        case Heartbeat():
            return "heartbeat"
