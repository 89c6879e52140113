"""What `parse` makes of everything that a producer may send."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRequest, ErrorType, Reject
from shared.events import encode, read
from shared.message import IDENTITY_ATTRIBUTE
from tests.unit.builders import (
    DECODER,
    EVENT_TIME,
    NOW,
    decode,
    event,
    message,
    nested_json,
    outcome,
    raw,
    rejected,
)
from tests.unit.contract import CATEGORIES, METRICS, Kind, Metric
from tests.unit.strategies import good_events, json_values, nearly_good_events


def test_an_event_carries_all_that_parse_adds() -> None:
    published = NOW - timedelta(seconds=1)
    decoded, unknown = DECODER.decode(message(orjson.dumps(raw()), publish_time=published), NOW)
    assert decoded.model_dump(exclude={"metrics"}) == {
        "event_id": "message-1",
        "location_id": "1-466088203",
        "event_type": "rating_change",
        "event_timestamp": datetime(2026, 3, 11, 11, 59, 58, tzinfo=UTC),
        "publish_timestamp": published,
        "processing_timestamp": NOW,
        "pipeline_version": "1.2.3",
    }
    assert unknown == []


def test_the_publish_time_of_a_push_made_by_hand_stays_unknown() -> None:
    assert DECODER.decode(message(orjson.dumps(raw()), publish_time=None), NOW)[0].publish_timestamp is None


@pytest.mark.parametrize(("event_type", "category"), CATEGORIES.items())
def test_each_type_has_its_category_and_an_unknown_one_is_generic(event_type: str, category: str) -> None:
    assert event(event_type).category == category


ACCEPTED: dict[Kind, list[tuple[object, object]]] = {
    "text": [("words", "words"), ("", ""), ("caf\u00e9 \U0001f3e0", "caf\u00e9 \U0001f3e0")],
    "integer": [(3, 3), ("3", 3), (3.0, 3), (-(2**63), -(2**63)), (2**63 - 1, 2**63 - 1)],
    "number": [(2.5, 2.5), ("2.5", 2.5), (3, 3.0), ("3", 3.0), (-1e300, -1e300)],
    "flag": [(True, True), (False, False)],
    "texts": [([], []), (["safe", "caring"], ["safe", "caring"])],
    "list": [([], []), (["falls", 3, {"kind": "fire"}, None], ["falls", 3, {"kind": "fire"}, None])],
}
REFUSED: dict[Kind, list[object]] = {
    "text": [3, True, ["words"], {"text": "words"}],
    "integer": [True, False, 3.5, "3.5", "many", "", [3], {}, 2**63, 1e30],
    "number": [True, False, "much", "", [2.5], {}, "Infinity", "nan", "1e400"],
    "flag": ["true", "yes", 1, 0, [], {}],
    "texts": ["safe", [1], [None], [["safe"]], {"safe": True}, 4],
    "list": ["falls", 3, True, {"falls": 1}],
}
TABLE = pytest.mark.parametrize("metric", METRICS, ids=str)


@TABLE
def test_a_metric_of_its_type_is_accepted_and_a_number_also_as_text(metric: Metric) -> None:
    for given_value, expected in ACCEPTED[metric.kind]:
        decoded = decode(raw(metric.event_type, metrics={metric.name: given_value}))
        value = getattr(decoded.metrics, metric.name)
        assert (value, type(value)) == (expected, type(expected)), given_value


@TABLE
def test_a_metric_of_a_wrong_type_is_a_schema_error_that_names_its_path(metric: Metric) -> None:
    for wrong in REFUSED[metric.kind]:
        reject = rejected(raw(metric.event_type, metrics={metric.name: wrong}))
        assert reject.error_type is ErrorType.SCHEMA_ERROR
        assert str(reject).startswith(f"metrics.{metric.name}"), wrong
        assert any(words in str(reject) for words in ("expected", "should be", "as an integer")), str(reject)


@TABLE
def test_a_null_metric_counts_as_absent(metric: Metric) -> None:
    assert event(metric.event_type, {metric.name: None}) == event(metric.event_type)


BAD_INPUT = [
    ("no JSON", b"{not json", ErrorType.JSON_PARSE_ERROR, "not JSON"),
    ("an empty message", b"", ErrorType.JSON_PARSE_ERROR, "the message is empty"),
    ("only blanks", b"  \n", ErrorType.JSON_PARSE_ERROR, "not JSON"),
    ("invalid UTF-8", b'{"location_id": "\xff\xfe"}', ErrorType.JSON_PARSE_ERROR, "not JSON"),
    ("half a surrogate pair", rb'{"location_id": "\ud800"}', ErrorType.JSON_PARSE_ERROR, "not JSON"),
    ("NaN", b'{"metrics": {"duration_days": NaN}}', ErrorType.JSON_PARSE_ERROR, "not JSON"),
    ("Infinity", b'{"metrics": {"duration_days": Infinity}}', ErrorType.JSON_PARSE_ERROR, "not JSON"),
    ("1e400", b'{"metrics": {"duration_days": 1e400}}', ErrorType.JSON_PARSE_ERROR, "not JSON"),
    ("text after it", orjson.dumps(raw()) + b"}", ErrorType.JSON_PARSE_ERROR, "not JSON"),
    ("an array", b"[1]", ErrorType.SCHEMA_ERROR, "expected a JSON object, got list"),
    ("a text", b'"text"', ErrorType.SCHEMA_ERROR, "expected a JSON object, got str"),
    ("null", b"null", ErrorType.SCHEMA_ERROR, "expected a JSON object, got NoneType"),
    ("no location_id", raw(location_id=...), ErrorType.SCHEMA_ERROR, "location_id: is missing"),
    ("an empty location_id", raw(location_id=""), ErrorType.SCHEMA_ERROR, "location_id: String should have"),
    ("a null location_id", raw(location_id=None), ErrorType.SCHEMA_ERROR, "location_id: Input should be"),
    ("a number as location_id", raw(location_id=7), ErrorType.SCHEMA_ERROR, "location_id: Input should be"),
    ("a long location_id", raw(location_id="x" * 129), ErrorType.SCHEMA_ERROR, "location_id: String should"),
    ("no event_type", raw(event_type=...), ErrorType.SCHEMA_ERROR, "event_type: is missing"),
    ("an empty event_type", raw(""), ErrorType.SCHEMA_ERROR, "event_type: String should have"),
    ("a list as event_type", raw(event_type=["a"]), ErrorType.SCHEMA_ERROR, "event_type: Input"),
    ("no timestamp", raw(timestamp=...), ErrorType.SCHEMA_ERROR, "timestamp: is missing"),
    ("an empty timestamp", raw(timestamp=""), ErrorType.SCHEMA_ERROR, "timestamp: is missing"),
    ("a null timestamp", raw(timestamp=None), ErrorType.SCHEMA_ERROR, "timestamp: is missing"),
    ("epoch seconds", raw(timestamp=1773230398), ErrorType.SCHEMA_ERROR, "timestamp: is int"),
    ("no metrics", raw(metrics=...), ErrorType.SCHEMA_ERROR, "metrics: is missing"),
    ("null as metrics", raw(metrics=None), ErrorType.SCHEMA_ERROR, "metrics: Input should be"),
    ("a list as metrics", raw(metrics=[]), ErrorType.SCHEMA_ERROR, "metrics: Input should be"),
    ("generic null metrics", raw("x", metrics=None), ErrorType.SCHEMA_ERROR, "metrics: Input should be"),
    ("a number as event_id", raw(event_id=7), ErrorType.SCHEMA_ERROR, "event_id: Input should be"),
    ("a long event_id", raw(event_id="x" * 257), ErrorType.SCHEMA_ERROR, "event_id: String should have"),
    ("words", raw(timestamp="yesterday"), ErrorType.INVALID_TIMESTAMP, "timestamp 'yesterday'"),
    ("February 30", raw(timestamp="2026-02-30T00:00:00Z"), ErrorType.INVALID_TIMESTAMP, "timestamp '2026-02"),
    ("no offset", raw(timestamp="2026-03-11T11:00:00"), ErrorType.INVALID_TIMESTAMP, "timestamp '2026-03-11"),
    ("a bare date", raw(timestamp="2026-03-11"), ErrorType.INVALID_TIMESTAMP, "has no offset"),
    ("before year 1", raw(timestamp="0001-01-01T00:00:00+01:00"), ErrorType.INVALID_TIMESTAMP, "timestamp"),
    ("the year 9999", raw(timestamp="9999-12-31T23:59:59Z"), ErrorType.TIMESTAMP_OUT_OF_RANGE, "timestamp"),
    ("after year 9999", raw(timestamp="9999-12-31T23:59:59-01:00"), ErrorType.INVALID_TIMESTAMP, "timestamp"),
    ("tomorrow", raw(timestamp="2026-03-12T12:00:00Z"), ErrorType.TIMESTAMP_OUT_OF_RANGE, "1 day, 0:00:00"),
    ("300 KB", raw(metrics={"x": "y" * 300_000}), ErrorType.PAYLOAD_TOO_LARGE, "the limit is 262144"),
]


@pytest.mark.parametrize(
    ("data", "error_type", "says"),
    [pytest.param(*rest, id=name) for name, *rest in BAD_INPUT],
)
def test_bad_input_is_rejected_with_its_reason_and_the_field(
    data: object, error_type: ErrorType, says: str
) -> None:
    reject = rejected(data)
    assert reject.error_type is error_type
    assert says in str(reject)


def test_the_first_five_wrong_fields_are_named() -> None:
    wrong: dict[str, object] = {
        metric.name: {} for metric in METRICS if metric.event_type == "compliance_alert"
    }
    text = str(rejected(raw("compliance_alert", location_id="", metrics=wrong)))
    assert text.startswith("location_id: ")
    assert text.count("metrics.") == 4
    assert text.endswith("; and 5 more")


@pytest.mark.parametrize("event_type", ["inspection_update", "fire_drill"])
@pytest.mark.parametrize("depth", [251, 252, 253, 254, 255, 256, 257, 1000, 1023, 1024, 1025, 1100, 20_000])
def test_deep_nesting_ends_as_an_event_or_a_reject(event_type: str, depth: int) -> None:
    indicators = b'"metrics": {"risk_indicators": [%s]}' % nested_json(depth)
    data = orjson.dumps(raw(event_type)).replace(b'"metrics":{}', indicators)
    decoded = outcome(lambda: decode(data))
    if isinstance(decoded, Reject):
        assert decoded.error_type in {ErrorType.SCHEMA_ERROR, ErrorType.JSON_PARSE_ERROR}
        assert len(str(decoded)) < 400
        assert depth > 245
    else:
        assert depth < 256
        assert not isinstance(decoded, BadRequest)
        assert read(encode(decoded)) == decoded


@pytest.mark.parametrize("depth", [10, 100, 240])
def test_moderate_nesting_is_accepted(depth: int) -> None:
    data = orjson.dumps(raw("fire_drill")).replace(b'"metrics":{}', b'"metrics":' + nested_json(depth))
    assert decode(data).event_type == "fire_drill"


def test_unknown_rating_names_are_accepted() -> None:
    decoded = event("rating_change", {"previous_rating": "Splendid", "new_rating": "good"})
    assert decoded.model_dump()["metrics"]["new_rating"] == "good"


def test_the_last_of_a_repeated_key_wins() -> None:
    data = orjson.dumps(raw()).replace(b"{", b'{"location_id": "first", "location_id": 7, ', 1)
    assert decode(data).location_id == "1-466088203"


def test_a_number_beyond_64_bits_is_rejected_as_an_integer_and_kept_as_a_generic_metric() -> None:
    huge = b'"metrics":{"page_views":18446744073709551617}'
    reject = rejected(orjson.dumps(raw("dashboard_interaction")).replace(b'"metrics":{}', huge))
    assert reject.error_type is ErrorType.SCHEMA_ERROR
    assert str(reject).startswith("metrics.page_views: ")
    generic = decode(orjson.dumps(raw("fire_drill")).replace(b'"metrics":{}', huge))
    assert generic.metrics == {"page_views": 2.0**64}


@pytest.mark.parametrize("size_over_limit", [0, 1])
def test_the_size_limit_is_exact(size_over_limit: int) -> None:
    bare = len(orjson.dumps(raw(metrics={"x": ""})))
    data = orjson.dumps(raw(metrics={"x": "y" * (262_144 - bare + size_over_limit)}))
    assert len(data) == 262_144 + size_over_limit
    if size_over_limit:
        assert rejected(data).error_type is ErrorType.PAYLOAD_TOO_LARGE
    else:
        decode(data)


@pytest.mark.parametrize(
    ("event_id", "expected"),
    [("abc-1", "abc-1"), (..., "message-1"), (None, "message-1"), ("", "message-1"), (" ", " ")],
)
def test_the_identity_is_the_producers_own_else_the_message_id(event_id: object, expected: str) -> None:
    assert event(event_id=event_id).event_id == expected


@pytest.mark.parametrize(
    ("event_id", "attribute", "expected"),
    [
        (..., "message-0", "message-0"),
        ("", "message-0", "message-0"),
        (None, "message-0", "message-0"),
        ("abc-1", "message-0", "abc-1"),
        (..., "", "message-1"),
    ],
)
def test_a_replayed_event_keeps_the_id_of_its_first_message(
    event_id: object, attribute: str, expected: str
) -> None:
    replayed = message(orjson.dumps(raw(event_id=event_id)), attributes={IDENTITY_ATTRIBUTE: attribute})
    assert DECODER.decode(replayed, NOW)[0].event_id == expected


def test_a_carried_identity_obeys_the_rules_of_an_event_id() -> None:
    carried = message(orjson.dumps(raw()), attributes={IDENTITY_ATTRIBUTE: "x" * 257})
    with pytest.raises(Reject, match="event_id: String should have at most 256 characters"):
        DECODER.decode(carried, NOW)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (raw(region="north"), ["rating_change.region"]),
        (raw(metrics={"colour": "red"}), ["rating_change.metrics.colour"]),
        (raw(region="n", metrics={"colour": 1}), ["rating_change.metrics.colour", "rating_change.region"]),
        (raw(event_id="e-1", region="north"), ["rating_change.region"]),
        (raw("fire_drill", metrics={"colour": "red"}), []),
        (raw("fire_drill", region="north"), ["fire_drill.region"]),
    ],
)
def test_extra_fields_are_accepted_and_named(data: dict[str, object], expected: list[str]) -> None:
    _, unknown = DECODER.decode(message(orjson.dumps(data)), NOW)
    assert sorted(unknown) == expected


def test_a_producer_cannot_set_the_fields_that_parse_adds() -> None:
    decoded = event(pipeline_version="9", processing_timestamp=EVENT_TIME, publish_timestamp=EVENT_TIME)
    assert (decoded.pipeline_version, decoded.processing_timestamp) == ("1.2.3", NOW)


@given(st.binary(max_size=200) | json_values.map(orjson.dumps) | nearly_good_events().map(orjson.dumps))
def test_any_bytes_are_an_event_or_a_reject(data: bytes) -> None:
    decoded = outcome(lambda: decode(data))
    assert not isinstance(decoded, BadRequest)
    assert isinstance(decoded, Reject) or read(encode(decoded)) == decoded


@given(good_events())
def test_an_event_within_the_contract_is_accepted_and_survives_the_parsed_topic(
    fields: dict[str, object],
) -> None:
    decoded = decode(fields)
    assert read(encode(decoded)) == decoded


def test_of_a_list_with_many_wrong_elements_the_first_is_the_reason() -> None:
    """One error each would take 300 ms and 60 MB for one event."""
    reason = str(rejected(raw("dashboard_interaction", metrics={"search_queries": ["a", *range(40_000)]})))
    assert reason == "metrics.search_queries.1: Input should be a valid string (got 0)"


def test_a_long_value_does_not_stand_in_the_reason() -> None:
    reason = str(rejected(raw(metrics={"public_notification": "y" * 50_000})))
    assert reason.startswith("metrics.public_notification: ")
    assert len(reason) < 150
