"""`deadletter` through functions-framework: whatever arrives has its row."""

from datetime import UTC, datetime

import orjson
import pytest

from shared.dead_letters.record import RECORD_ATTRIBUTE, RECORD_KIND, record_of
from shared.errors import ErrorType, Reject
from shared.message import Message
from tests.entrypoints.deliveries import SHAPES, new_id, push, raw, shaped
from tests.entrypoints.server import Answer
from tests.entrypoints.servers import Servers

DONE = Answer(204, "")
FORWARDED = {
    "CloudPubSubDeadLetterSourceDeliveryCount": "10",
    "CloudPubSubDeadLetterSourceSubscription": "dashboard-events-parsed-features",
    "CloudPubSubDeadLetterSourceSubscriptionProject": "cqc-local",
    "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-03-11T09:00:00.123Z",
}
COLUMNS = ("error_type", "stage", "raw_data", "payload", "delivery_attempt", "event_id")


def record(data: bytes) -> bytes:
    """As `parse` publishes it."""
    original = Message(data, "original", {}, None, "projects/cqc-local/subscriptions/s", 2)
    reject = Reject(ErrorType.SCHEMA_ERROR, "is wrong")
    return record_of(original, reject, stage="parse", now=datetime.now(UTC), pipeline_version="1").to_json()


def row(servers: Servers, event_id: str) -> tuple[object, ...]:
    (found,) = servers.rows("streaming_errors", f"event_id = '{event_id}'", *COLUMNS)
    return tuple(found)


@pytest.mark.parametrize("shape", SHAPES)
def test_our_record_in_each_shape_has_its_row(servers: Servers, shape: str) -> None:
    event_id = new_id("event")
    data = orjson.dumps(raw(event_id))
    body, headers = shaped(shape, record(data), new_id("message"), {RECORD_ATTRIBUTE: RECORD_KIND})
    assert servers.post("deadletter", body, headers) == DONE
    assert row(servers, event_id) == ("schema_error", "parse", data.decode(), data, 2, event_id)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_forwarded_original_in_each_shape_has_its_row(servers: Servers, shape: str) -> None:
    event_id = new_id("event")
    data = orjson.dumps(raw(event_id))
    body, headers = shaped(shape, data, new_id("message"), FORWARDED)
    assert servers.post("deadletter", body, headers) == DONE
    assert row(servers, event_id) == ("delivery_exhausted", "features", data.decode(), data, 10, event_id)


@pytest.mark.parametrize(
    ("data", "attributes", "error_type"),
    [
        (b"\xff not json", FORWARDED, "delivery_exhausted"),
        (b"", FORWARDED, "delivery_exhausted"),
        (b"not json", {RECORD_ATTRIBUTE: RECORD_KIND}, "unexpected_error"),
        (b"{}", {RECORD_ATTRIBUTE: RECORD_KIND}, "unexpected_error"),
        (b"[" * 1_100, {}, "unexpected_error"),
        (b"x" * 400_000, {}, "unexpected_error"),
    ],
    ids=range(6),
)
def test_any_other_message_is_kept_whole(
    servers: Servers, data: bytes, attributes: dict[str, str], error_type: str
) -> None:
    message_id = new_id("message")
    assert servers.post("deadletter", push(data, message_id, attributes)) == DONE
    found = row(servers, message_id)
    assert (found[0], found[3], len(str(found[2])) <= 1_000) == (error_type, data, True)


def test_a_redelivery_appends_no_second_row(servers: Servers) -> None:
    message_id = new_id("message")
    body = push(b"{}", message_id)
    assert servers.post("deadletter", body) == servers.post("deadletter", body) == DONE
    assert row(servers, message_id)[0] == "unexpected_error"
