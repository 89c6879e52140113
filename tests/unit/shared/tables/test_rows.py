"""A row on the wire, read back with an independent message class."""

from datetime import UTC, datetime

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import EncodeError
from google.protobuf.message_factory import GetMessageClass

from shared.errors import ErrorType, Reject
from shared.tables.columns import REALTIME_FEATURES, STREAMING_ERRORS, Row, Table, Value
from shared.tables.rows import descriptor, encode

WHEN = datetime(2026, 3, 29, 0, 59, 59, 999999, tzinfo=UTC)
REQUIRED: Row = {
    "event_id": "e",
    "location_id": "1-1",
    "event_timestamp": WHEN,
    "processing_timestamp": WHEN,
}


def read_back(table: Table, data: bytes) -> dict[str, object]:
    pool = DescriptorPool()
    pool.Add(FileDescriptorProto(name="row.proto", syntax="proto2", message_type=[descriptor(table)]))
    message = GetMessageClass(pool.FindMessageTypeByName(table.name)).FromString(data)
    return MessageToDict(message, preserving_proto_field_name=True)


def test_only_set_columns_are_sent() -> None:
    row = REQUIRED | {"event_type": None, "is_late": False, "page_views": 0, "areas_assessed": []}
    assert read_back(REALTIME_FEATURES, encode(REALTIME_FEATURES, row)) == {
        "event_id": "e",
        "location_id": "1-1",
        "event_timestamp": "1774745999999999",
        "processing_timestamp": "1774745999999999",
        "is_late": False,
        "page_views": "0",
    }


def test_lists_bytes_json_and_whole_floats_keep_their_values() -> None:
    features = REQUIRED | {"areas_assessed": ["safe", "caring"], "session_duration": 3}
    found = read_back(REALTIME_FEATURES, encode(REALTIME_FEATURES, features))
    assert (found["areas_assessed"], found["session_duration"]) == (["safe", "caring"], 3.0)
    error: Row = {"error_timestamp": WHEN, "payload": b"\x00\xff", "attributes": '{"a": "b"}'}
    found = read_back(STREAMING_ERRORS, encode(STREAMING_ERRORS, error))
    assert (found["payload"], found["attributes"]) == ("AP8=", '{"a": "b"}')


def test_encoding_does_not_change_the_row() -> None:
    row = dict(REQUIRED)
    encode(REALTIME_FEATURES, row)
    assert row == REQUIRED


@pytest.mark.parametrize(
    ("column", "value"),
    [("page_views", 2**63), ("session_duration", 10**400), ("event_type", "\ud800")],
    ids=["beyond 64 bits", "beyond a double", "no Unicode"],
)
def test_a_value_that_its_column_cannot_hold_rejects_the_event(column: str, value: Value) -> None:
    with pytest.raises(Reject, match=rf"^realtime_features\.{column} cannot hold the value: ") as caught:
        encode(REALTIME_FEATURES, REQUIRED | {column: value})
    assert caught.value.error_type is ErrorType.SINK_REJECTED


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"nope": 1}, KeyError, "table realtime_features has no column nope"),
        ({"page_views": "3"}, TypeError, r"realtime_features\.page_views"),
        ({"page_views": 1.5}, TypeError, r"realtime_features\.page_views"),
        ({"event_timestamp": datetime(2026, 3, 1)}, TypeError, "naive"),
        ({"event_timestamp": "2026-03-01"}, TypeError, "str"),
        ({"event_id": None}, EncodeError, "event_id"),
    ],
    ids=["unknown column", "text for a number", "fraction", "naive time", "text for a time", "missing"],
)
def test_a_row_that_does_not_fit_the_table_is_a_bug(wrong: Row, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        encode(REALTIME_FEATURES, REQUIRED | wrong)
