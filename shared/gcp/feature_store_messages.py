"""The messages of FeatureOnlineStoreService that we use, described by hand.

The official package describes every message of Vertex AI when it is imported: 1.2 s of CPU and 70 MB for
these few. Names, numbers, types and oneofs are held to the official ones by
tests/conformance/test_feature_store_messages.py; the reasons are in docs/decisions/0009.
Source: https://github.com/googleapis/googleapis/tree/master/google/cloud/aiplatform/v1
"""

from typing import Any, Final

from google.protobuf.any_pb2 import DESCRIPTOR as ANY_FILE
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP_FILE
from google.rpc.status_pb2 import DESCRIPTOR as STATUS_FILE

PACKAGE: Final = "google.cloud.aiplatform.v1"
SERVICE: Final = f"{PACKAGE}.FeatureOnlineStoreService"

_SCALARS: Final = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "string": FieldDescriptorProto.TYPE_STRING,
}
_TIMESTAMP: Final = ".google.protobuf.Timestamp"


def _message(name: str, *fields: str, nested: tuple[DescriptorProto, ...] = ()) -> DescriptorProto:
    """A message of fields as a .proto file has them, `[repeated] TYPE NAME = NUMBER [in ONEOF]`.

    A type that is not a scalar names a message: of our package, or with a leading dot by its full name.
    """
    message = DescriptorProto(name=name, nested_type=nested)
    for line in fields:
        words = line.split()
        repeated = words[0] == "repeated"
        kind, field_name, _, number, *oneof = words[repeated:]
        field = message.field.add(
            name=field_name,
            number=int(number),
            label=FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL,
            type=_SCALARS.get(kind, FieldDescriptorProto.TYPE_MESSAGE),
        )
        if kind not in _SCALARS:
            field.type_name = kind if kind.startswith(".") else f".{PACKAGE}.{kind}"
        if oneof:
            field.oneof_index = _oneof(message, oneof[1])
    return message


def _oneof(message: DescriptorProto, name: str) -> int:
    names = [group.name for group in message.oneof_decl]
    if name not in names:
        message.oneof_decl.add(name=name)
        return len(names)
    return names.index(name)


_ENTITY: Final = "FeatureViewDirectWriteRequest.DataKeyAndFeatureValues"
_PAIRS: Final = "FetchFeatureValuesResponse.FeatureNameValuePairList"
_MESSAGES: Final = (
    _message("BoolArray", "repeated bool values = 1"),
    _message("DoubleArray", "repeated double values = 1"),
    _message("Int64Array", "repeated int64 values = 1"),
    _message("StringArray", "repeated string values = 1"),
    _message(
        "FeatureValue",
        "bool bool_value = 1 in value",
        "double double_value = 2 in value",
        "int64 int64_value = 5 in value",
        "string string_value = 6 in value",
        "BoolArray bool_array_value = 7 in value",
        "DoubleArray double_array_value = 8 in value",
        "Int64Array int64_array_value = 11 in value",
        "StringArray string_array_value = 12 in value",
        "bytes bytes_value = 13 in value",
        "FeatureValue.Metadata metadata = 14",
        nested=(_message("Metadata", f"{_TIMESTAMP} generate_time = 1"),),
    ),
    _message(
        "FeatureViewDataKey",
        "string key = 1 in key_oneof",
        "FeatureViewDataKey.CompositeKey composite_key = 2 in key_oneof",
        nested=(_message("CompositeKey", "repeated string parts = 1"),),
    ),
    _message(
        "FeatureViewDirectWriteRequest",
        "string feature_view = 1",
        f"repeated {_ENTITY} data_key_and_feature_values = 2",
        nested=(
            _message(
                "DataKeyAndFeatureValues",
                "FeatureViewDataKey data_key = 1",
                f"repeated {_ENTITY}.Feature features = 2",
                nested=(_message("Feature", "FeatureValue value = 3 in data_oneof", "string name = 1"),),
            ),
        ),
    ),
    _message(
        "FeatureViewDirectWriteResponse",
        ".google.rpc.Status status = 1",
        "repeated FeatureViewDirectWriteResponse.WriteResponse write_responses = 2",
        nested=(
            _message(
                "WriteResponse",
                "FeatureViewDataKey data_key = 1",
                f"{_TIMESTAMP} online_store_write_time = 2",
            ),
        ),
    ),
    _message("FetchFeatureValuesRequest", "string feature_view = 1", "FeatureViewDataKey data_key = 6"),
    _message(
        "FetchFeatureValuesResponse",
        f"{_PAIRS} key_values = 3 in format",
        "FeatureViewDataKey data_key = 4",
        nested=(
            _message(
                "FeatureNameValuePairList",
                f"repeated {_PAIRS}.FeatureNameValuePair features = 1",
                nested=(
                    _message("FeatureNameValuePair", "FeatureValue value = 2 in data", "string name = 1"),
                ),
            ),
        ),
    ),
)
_ENVELOPE: Final = _message(
    "WriteEnvelope", "string feature_view = 1", "repeated bytes data_key_and_feature_values = 2"
)
"""FeatureViewDirectWriteRequest with its entities as encoded bytes, which is the same on the wire."""


def _pool() -> DescriptorPool:
    """A pool of our own: in the default one the official package's messages have the same names."""
    pool = DescriptorPool()
    for imported in (ANY_FILE, TIMESTAMP_FILE, STATUS_FILE):
        copied = FileDescriptorProto()
        imported.CopyToProto(copied)
        pool.Add(copied)
    pool.Add(
        FileDescriptorProto(
            name="feature_online_store_messages.proto",
            package=PACKAGE,
            syntax="proto3",
            dependency=[TIMESTAMP_FILE.name, STATUS_FILE.name],
            message_type=[*_MESSAGES, _ENVELOPE],
        )
    )
    return pool


POOL: Final = _pool()


def _class(name: str) -> Any:
    return GetMessageClass(POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


# Raw message classes: their fields are known at run time only.
Entity: Final[Any] = _class(_ENTITY)
FetchRequest: Final[Any] = _class("FetchFeatureValuesRequest")
FetchResponse: Final[Any] = _class("FetchFeatureValuesResponse")
WriteEnvelope: Final[Any] = _class("WriteEnvelope")
WriteRequest: Final[Any] = _class("FeatureViewDirectWriteRequest")
WriteResponse: Final[Any] = _class("FeatureViewDirectWriteResponse")
