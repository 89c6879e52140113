"""The messages of FeatureOnlineStoreService that we use, described by hand.

The official package describes every message of Vertex AI when it is imported: 1.2 s of CPU and 70 MB for
these few. Names, numbers, types and oneofs are held to the official ones by
tests/conformance/test_described_messages.py; the reasons are in docs/decisions/0009.
Source: https://github.com/googleapis/googleapis/tree/master/google/cloud/aiplatform/v1
"""

from typing import Any, Final

from google.protobuf.any_pb2 import DESCRIPTOR as ANY_FILE
from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP_FILE
from google.rpc.status_pb2 import DESCRIPTOR as STATUS_FILE

from shared.gcp.descriptors import message, message_class, pool_of

PACKAGE: Final = "google.cloud.aiplatform.v1"
SERVICE: Final = f"{PACKAGE}.FeatureOnlineStoreService"

_TIMESTAMP: Final = ".google.protobuf.Timestamp"
_ENTITY: Final = "FeatureViewDirectWriteRequest.DataKeyAndFeatureValues"
_PAIRS: Final = "FetchFeatureValuesResponse.FeatureNameValuePairList"
_MESSAGES: Final = (
    message("BoolArray", "repeated bool values = 1"),
    message("DoubleArray", "repeated double values = 1"),
    message("Int64Array", "repeated int64 values = 1"),
    message("StringArray", "repeated string values = 1"),
    message(
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
        nested=(message("Metadata", f"{_TIMESTAMP} generate_time = 1"),),
    ),
    message(
        "FeatureViewDataKey",
        "string key = 1 in key_oneof",
        "FeatureViewDataKey.CompositeKey composite_key = 2 in key_oneof",
        nested=(message("CompositeKey", "repeated string parts = 1"),),
    ),
    message(
        "FeatureViewDirectWriteRequest",
        "string feature_view = 1",
        f"repeated {_ENTITY} data_key_and_feature_values = 2",
        nested=(
            message(
                "DataKeyAndFeatureValues",
                "FeatureViewDataKey data_key = 1",
                f"repeated {_ENTITY}.Feature features = 2",
                nested=(message("Feature", "FeatureValue value = 3 in data_oneof", "string name = 1"),),
            ),
        ),
    ),
    message(
        "FeatureViewDirectWriteResponse",
        ".google.rpc.Status status = 1",
        "repeated FeatureViewDirectWriteResponse.WriteResponse write_responses = 2",
        nested=(
            message(
                "WriteResponse",
                "FeatureViewDataKey data_key = 1",
                f"{_TIMESTAMP} online_store_write_time = 2",
            ),
        ),
    ),
    message("FetchFeatureValuesRequest", "string feature_view = 1", "FeatureViewDataKey data_key = 6"),
    message(
        "FetchFeatureValuesResponse",
        f"{_PAIRS} key_values = 3 in format",
        "FeatureViewDataKey data_key = 4",
        nested=(
            message(
                "FeatureNameValuePairList",
                f"repeated {_PAIRS}.FeatureNameValuePair features = 1",
                nested=(
                    message("FeatureNameValuePair", "FeatureValue value = 2 in data", "string name = 1"),
                ),
            ),
        ),
    ),
)
_ENVELOPE: Final = message(
    "WriteEnvelope", "string feature_view = 1", "repeated bytes data_key_and_feature_values = 2"
)
"""FeatureViewDirectWriteRequest with its entities as encoded bytes, which is the same on the wire."""

FILE: Final = "feature_online_store_messages.proto"
POOL: Final = pool_of(FILE, PACKAGE, [*_MESSAGES, _ENVELOPE], [ANY_FILE, TIMESTAMP_FILE, STATUS_FILE])


def _class(name: str) -> Any:
    return message_class(POOL, f"{PACKAGE}.{name}")


Entity: Final[Any] = _class(_ENTITY)
FetchRequest: Final[Any] = _class("FetchFeatureValuesRequest")
FetchResponse: Final[Any] = _class("FetchFeatureValuesResponse")
WriteEnvelope: Final[Any] = _class("WriteEnvelope")
WriteResponse: Final[Any] = _class("FeatureViewDirectWriteResponse")
