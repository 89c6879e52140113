"""`features` through functions-framework, with BigQuery, Firestore and the feature store beside it."""

from collections.abc import Sequence

import orjson
import pytest

from tests.entrypoints.deliveries import (
    SHAPES,
    ago,
    new_id,
    parsed,
    push,
    shaped,
    with_metrics,
)
from tests.entrypoints.server import Answer
from tests.entrypoints.servers import Servers
from tests.unit.builders import nested_json

DONE = Answer(204, "")


def rows(servers: Servers, event_id: str, *columns: str) -> Sequence[Sequence[object]]:
    return servers.rows("realtime_features", f"event_id = '{event_id}'", *columns)


def sends_good(servers: Servers) -> None:
    """The function still serves; that such an event gets its row is shown by the tests of the shapes."""
    assert servers.post("features", push(orjson.dumps(parsed(new_id("good"))), "message")) == DONE


@pytest.mark.parametrize("shape", SHAPES)
def test_a_delivery_of_each_shape_reaches_every_sink(servers: Servers, shape: str) -> None:
    event_id, location = new_id("event"), new_id("location")
    body, headers = shaped(shape, orjson.dumps(parsed(event_id, location_id=location)), "message")
    assert servers.post("features", body, headers) == DONE
    columns = ("location_id", "feature_category", "alert_severity", "real_time_risk_score", "is_late")
    assert rows(servers, event_id, *columns) == [(location, "compliance", "high", 3, False)]
    assert servers.online(location)["alert_severity"] == "high"
    assert servers.post("aggregate", b"").status == 200
    panes = servers.rows(
        "realtime_features_aggregated", f"location_id = '{location}'", "window_event_count", "max_risk_score"
    )
    assert panes[0] == (1, 3)


REJECTED = [
    ("not JSON", "{not json", "json_parse_error", "not JSON"),
    ("an empty message", "", "json_parse_error", "the message is empty"),
    ("invalid UTF-8", b'{"location_id": "\xff"}', "json_parse_error", "not JSON"),
    ("NaN", b'{"a": NaN}', "json_parse_error", "not JSON"),
    ("JSON that is no object", "[1, 2]", "schema_error", "expected a JSON object"),
    ("no location", {"location_id": ...}, "schema_error", "location_id: is missing"),
    ("an empty location", {"location_id": ""}, "schema_error", "location_id: "),
    ("no event_type", {"event_type": ...}, "schema_error", "event_type: is missing"),
    ("no metrics", {"metrics": ...}, "schema_error", "metrics: is missing"),
    ("no timestamp", {"event_timestamp": ...}, "schema_error", "event_timestamp: is missing"),
    ("the far future", {"event_timestamp": "9999-12-31T23:00:00Z"}, "timestamp_out_of_range", "ahead of now"),
    ("an invalid timestamp", {"event_timestamp": "yesterday"}, "schema_error", "event_timestamp: "),
    ("no offset", {"event_timestamp": "2026-03-11T12:00:00"}, "schema_error", "event_timestamp: "),
    ("a wrong type", {"metrics": {"severity": 3}}, "schema_error", "metrics.severity: "),
    ("a huge number", {"metrics": {"escalation_level": 2**63}}, "schema_error", "metrics.escalation_level: "),
    (
        "a change beyond 64 bits",
        {"event_type": "capacity_update", "metrics": {"previous_beds": -(2**63), "new_beds": 1}},
        "transform_error",
        "capacity_change: ",
    ),
    (
        "the first hour of year 1",
        {"event_timestamp": "0001-01-01T00:00:00Z"},
        "transform_error",
        "local time",
    ),
]


@pytest.mark.parametrize(
    ("data", "error_type", "says"), [pytest.param(*rest, id=name) for name, *rest in REJECTED]
)
def test_bad_input_is_acknowledged_with_a_dead_letter_that_says_why(
    servers: Servers, data: str | bytes | dict[str, object], error_type: str, says: str
) -> None:
    event_id = message_id = new_id("event")
    if isinstance(data, dict):
        data = orjson.dumps(parsed(event_id, **data))
    body = push(data.encode() if isinstance(data, str) else data, message_id)
    assert servers.post("features", body) == DONE
    record, attributes = servers.dead_letters.find(event_id)
    assert (record["error_type"], record["stage"], attributes["stage"]) == (
        error_type,
        "features",
        "features",
    )
    assert says in str(record["error_message"])
    sends_good(servers)


def test_deep_nesting_is_a_dead_letter(servers: Servers) -> None:
    for depth in (300, 1_100):
        message_id = new_id("event")
        data = with_metrics(parsed(message_id, event_type="x"), b'{"value_1": %s}' % nested_json(depth))
        assert servers.post("features", push(data, message_id)) == DONE
        assert servers.dead_letters.find(message_id)[0]["stage"] == "features"
    sends_good(servers)


ACCEPTED: list[tuple[str, dict[str, object]]] = [
    ("unknown ratings", {"event_type": "rating_change", "metrics": {"new_rating": "Splendid"}}),
    ("an unknown event type", {"event_type": "fire_drill", "metrics": {"value_1": [1, {"a": None}]}}),
    ("extra fields", {"region": "north", "metrics": {"colour": "red"}}),
    ("300 KB of metrics", {"event_type": "fire_drill", "metrics": {"value_1": "x" * 300_000}}),
    (
        "every kind of character",
        {"location_id": "a/b%..\\\u0000\U0001f3e0", "metrics": {"category": "\u0000"}},
    ),
    ("a reserved name", {"location_id": "__x__"}),
    ("a dot", {"location_id": "."}),
    ("an unknown severity", {"metrics": {"severity": "grave"}}),
]


def test_odd_but_valid_input_has_its_row_and_its_place_in_a_window(servers: Servers) -> None:
    ids = []
    for name, fields in ACCEPTED:
        ids.append(new_id("odd"))
        assert servers.post("features", push(orjson.dumps(parsed(ids[-1], **fields)), "m")) == DONE, name
    found = servers.rows("realtime_features", "event_id LIKE 'odd-%'", "event_id")
    assert {row[0] for row in found} == set(ids)
    assert servers.post("aggregate", b"").status == 200


def test_a_late_event_has_a_row_and_a_dead_letter(servers: Servers) -> None:
    event_id = new_id("late")
    data = orjson.dumps(parsed(event_id, event_timestamp=ago(hours=3)))
    assert servers.post("features", push(data, "message")) == DONE
    assert rows(servers, event_id, "is_late") == [(True,)]
    record, _ = servers.dead_letters.find(event_id)
    assert record["error_type"] == "late_event"
