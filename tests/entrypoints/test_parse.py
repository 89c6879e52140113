"""`parse` through functions-framework: what each message becomes, and that the function keeps serving."""

from base64 import urlsafe_b64decode

import orjson
import pytest

from shared.dead_letters.record import RECORD_ATTRIBUTE, RECORD_KIND
from tests.entrypoints.deliveries import (
    SHAPES,
    ago,
    new_id,
    push,
    raw,
    shaped,
    with_metrics,
)
from tests.entrypoints.server import Answer
from tests.entrypoints.servers import Servers
from tests.unit.builders import nested_json

DONE = Answer(204, "")


def sends_good(servers: Servers) -> None:
    """The function still serves: a good event is published."""
    event_id = new_id("good")
    assert servers.post("parse", push(orjson.dumps(raw(event_id)), "message")) == DONE
    servers.parsed.find(event_id)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_delivery_of_each_shape_is_published(servers: Servers, shape: str) -> None:
    event_id = new_id("event")
    body, headers = shaped(shape, orjson.dumps(raw(event_id)), "message")
    assert servers.post("parse", body, headers) == DONE
    event, attributes = servers.parsed.find(event_id)
    assert attributes == {"event_id": event_id, "event_type": "compliance_alert"}
    assert event["location_id"] == "1-466088203"
    assert str(event["event_timestamp"]).endswith("Z")
    assert {"publish_timestamp", "processing_timestamp", "pipeline_version"} < event.keys()


def test_a_redelivery_keeps_the_message_id_as_identity(servers: Servers) -> None:
    message_id = new_id("message")
    body = push(orjson.dumps(raw()), message_id)
    assert servers.post("parse", body) == servers.post("parse", body) == DONE
    assert servers.parsed.find(message_id)[1]["event_id"] == message_id


def _json(**fields: object) -> bytes:
    return orjson.dumps(raw(**fields))


_HUGE = with_metrics(raw(event_type="capacity_update"), b'{"new_beds": %d}' % 2**63)
_TWICE = _json().replace(b"{", b'{"location_id": 7, ', 1)

REJECTED = [
    ("not JSON", b"{not json", "json_parse_error", "not JSON"),
    ("an empty message", b"", "json_parse_error", "the message is empty"),
    ("invalid UTF-8", b'{"location_id": "\xff"}', "json_parse_error", "not JSON"),
    ("NaN", with_metrics(raw(), b'{"a": NaN}'), "json_parse_error", "not JSON"),
    ("1e400", with_metrics(raw(), b'{"a": 1e400}'), "json_parse_error", "not JSON"),
    ("JSON that is no object", b"[1, 2]", "schema_error", "expected a JSON object"),
    ("no location", _json(location_id=...), "schema_error", "location_id: is missing"),
    ("an empty location", _json(location_id=""), "schema_error", "location_id: "),
    ("no event_type", _json(event_type=...), "schema_error", "event_type: is missing"),
    ("no metrics", _json(metrics=...), "schema_error", "metrics: is missing"),
    ("no timestamp", _json(timestamp=...), "schema_error", "timestamp: is missing"),
    ("a wrong type", _json(metrics={"escalation_level": True}), "schema_error", "metrics.escalation_level: "),
    ("a huge number", _HUGE, "schema_error", "metrics.new_beds: "),
    ("an invalid timestamp", _json(timestamp="yesterday"), "invalid_timestamp", "'yesterday'"),
    ("no offset", _json(timestamp="2026-03-11T12:00:00"), "invalid_timestamp", "no offset"),
    ("the far future", _json(timestamp="2199-01-01T00:00:00Z"), "timestamp_out_of_range", "ahead of now"),
    ("300 KB of metrics", _json(metrics={"a": "b" * 300_000}), "payload_too_large", "the limit is 262144"),
    (
        "nesting of 300",
        with_metrics(raw(event_type="x"), nested_json(300)),
        "schema_error",
        "metrics",
    ),
    ("nesting of 1100", with_metrics(raw(), nested_json(1100)), "json_parse_error", "not JSON"),
]


@pytest.mark.parametrize(
    ("data", "error_type", "says"), [pytest.param(*rest, id=name) for name, *rest in REJECTED]
)
def test_bad_input_is_acknowledged_with_a_dead_letter_that_says_why(
    servers: Servers, data: bytes, error_type: str, says: str
) -> None:
    message_id = new_id("message")
    assert servers.post("parse", push(data, message_id)) == DONE
    record, attributes = servers.dead_letters.find(message_id)
    assert attributes == {RECORD_ATTRIBUTE: RECORD_KIND, "error_type": error_type, "stage": "parse"}
    assert (record["error_type"], record["stage"]) == (error_type, "parse")
    assert says in str(record["error_message"])
    assert urlsafe_b64decode(str(record["payload"])) == data
    assert record["source_subscription"] == "projects/cqc-local/subscriptions/s"
    sends_good(servers)


ACCEPTED = [
    ("unknown rating names", _json(event_type="rating_change", metrics={"new_rating": "Splendid"})),
    ("a very old event", _json(timestamp="1970-01-01T00:00:00Z")),
    ("an unknown event type", _json(event_type="fire_drill")),
    ("extra fields", _json(region="north", metrics={"colour": "red"})),
    ("a key that comes twice", _TWICE),
    ("a number as text", _json(metrics={"escalation_level": "3"})),
    ("4 minutes ahead", _json(timestamp=ago(minutes=-4))),
]


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in ACCEPTED])
def test_odd_but_valid_input_is_published(servers: Servers, data: bytes) -> None:
    message_id = new_id("message")
    assert servers.post("parse", push(data, message_id)) == DONE
    assert servers.parsed.find(message_id)[0]["location_id"] == "1-466088203"


def test_its_log_is_json_without_payloads(servers: Servers) -> None:
    secret = new_id("secret")
    servers.post("parse", push(_json(metrics={"search_queries": secret, "severity": {"a": secret}}), "m"))
    sends_good(servers)
    written = servers.log("parse")
    assert '"event":"dead_letter_sent"' in written
    assert secret not in written
