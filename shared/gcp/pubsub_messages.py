"""The messages of Pub/Sub's Publish, described by hand.

The official package describes every message and imports every client of Pub/Sub: a tenth of a start of
`parse` for these three. Names, numbers and types are held to the official ones by
tests/conformance/test_described_messages.py; the reasons are in docs/decisions/0009.
Source: https://github.com/googleapis/googleapis/blob/master/google/pubsub/v1/pubsub.proto
"""

from typing import Any, Final

from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP_FILE

from shared.gcp.descriptors import message, message_class, pool_of, text_map_entry

PACKAGE: Final = "google.pubsub.v1"
PUBLISH: Final = f"/{PACKAGE}.Publisher/Publish"

_MESSAGES: Final = (
    message(
        "PubsubMessage",
        "bytes data = 1",
        "repeated PubsubMessage.AttributesEntry attributes = 2",
        "string message_id = 3",
        ".google.protobuf.Timestamp publish_time = 4",
        "string ordering_key = 5",
        nested=[text_map_entry("AttributesEntry")],
    ),
    message("PublishRequest", "string topic = 1", "repeated PubsubMessage messages = 2"),
    message("PublishResponse", "repeated string message_ids = 1"),
)
FILE: Final = "pubsub_messages.proto"
POOL: Final = pool_of(FILE, PACKAGE, _MESSAGES, [TIMESTAMP_FILE])

PublishRequest: Final[Any] = message_class(POOL, f"{PACKAGE}.PublishRequest")
PublishResponse: Final[Any] = message_class(POOL, f"{PACKAGE}.PublishResponse")
