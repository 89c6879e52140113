"""The messages with which a stage publishes and pulls, described by hand.

The official package describes every message and imports every client of Pub/Sub: a tenth of a start of
`parse` for these few. Names, numbers and types are held to the official ones by
tests/conformance/test_described_messages.py; the reasons are in docs/decisions/0009.
Source: https://github.com/googleapis/googleapis/blob/master/google/pubsub/v1/pubsub.proto
"""

from typing import Any, Final

from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP_FILE

from shared.gcp.descriptors import message, message_class, pool_of, text_map_entry

PACKAGE: Final = "google.pubsub.v1"
PUBLISH: Final = f"/{PACKAGE}.Publisher/Publish"
STREAMING_PULL: Final = f"/{PACKAGE}.Subscriber/StreamingPull"
ACKNOWLEDGE: Final = f"/{PACKAGE}.Subscriber/Acknowledge"
MODIFY_ACK_DEADLINE: Final = f"/{PACKAGE}.Subscriber/ModifyAckDeadline"

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
    message(
        "StreamingPullRequest",
        "string subscription = 1",
        "repeated string ack_ids = 2",
        "repeated int32 modify_deadline_seconds = 3",
        "repeated string modify_deadline_ack_ids = 4",
        "int32 stream_ack_deadline_seconds = 5",
        "string client_id = 6",
        "int64 max_outstanding_messages = 7",
        "int64 max_outstanding_bytes = 8",
    ),
    message(
        "ReceivedMessage",
        "string ack_id = 1",
        "PubsubMessage message = 2",
        "int32 delivery_attempt = 3",
    ),
    message("StreamingPullResponse", "repeated ReceivedMessage received_messages = 1"),
    message("AcknowledgeRequest", "string subscription = 1", "repeated string ack_ids = 2"),
    message(
        "ModifyAckDeadlineRequest",
        "string subscription = 1",
        "int32 ack_deadline_seconds = 3",
        "repeated string ack_ids = 4",
    ),
)
FILE: Final = "pubsub_messages.proto"
POOL: Final = pool_of(FILE, PACKAGE, _MESSAGES, [TIMESTAMP_FILE])

PublishRequest: Final[Any] = message_class(POOL, f"{PACKAGE}.PublishRequest")
PublishResponse: Final[Any] = message_class(POOL, f"{PACKAGE}.PublishResponse")
StreamingPullRequest: Final[Any] = message_class(POOL, f"{PACKAGE}.StreamingPullRequest")
StreamingPullResponse: Final[Any] = message_class(POOL, f"{PACKAGE}.StreamingPullResponse")
AcknowledgeRequest: Final[Any] = message_class(POOL, f"{PACKAGE}.AcknowledgeRequest")
ModifyAckDeadlineRequest: Final[Any] = message_class(POOL, f"{PACKAGE}.ModifyAckDeadlineRequest")
