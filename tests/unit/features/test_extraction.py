"""Every feature column and score: docs/contract.md#event-types and docs/contract.md#derived-features."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.features.extraction import extract, rating_change_direction
from shared.errors import ErrorType, Reject
from shared.events import read
from shared.tables.columns import (
    CATEGORY_COLUMNS,
    DERIVED_COLUMNS,
    EVENT_COLUMNS,
    REALTIME_FEATURES,
    Row,
    Value,
)
from shared.tables.rows import encode
from tests.unit.builders import DECODER, NOW, event, message, nested_json, outcome
from tests.unit.contract import CATEGORIES, METRICS, Kind, Metric
from tests.unit.strategies import good_events

LONDON = ZoneInfo("Europe/London")
COLUMNS = {column.name: column for column in REALTIME_FEATURES.columns}
RANKS = {"Outstanding": 4, "Good": 3, "Requires improvement": 2, "Inadequate": 1}


def features(event_type: str, **metrics: object) -> Row:
    return extract(event(event_type, metrics), LONDON)


def at(moment: datetime, zone: ZoneInfo = LONDON) -> Row:
    return extract(event(timestamp=moment.isoformat()), zone)


EXAMPLES: dict[Kind, tuple[object, Value]] = {
    "text": ("words", "words"),
    "integer": ("3", 3),
    "number": ("2.5", 2.5),
    "flag": (True, True),
    "texts": (["b", "a", "b"], ["b", "a", "b"]),
    "list": ([{"kind": "falls"}, "fire"], 2),
}


@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_a_metric_goes_to_its_column(metric: Metric) -> None:
    given_value, expected = EXAMPLES[metric.kind]
    assert features(metric.event_type, **{metric.name: given_value})[metric.column] == expected


@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_a_missing_or_null_metric_is_the_columns_default(metric: Metric) -> None:
    for row in (features(metric.event_type), features(metric.event_type, **{metric.name: None})):
        assert metric.column in row
        assert (row[metric.column], type(row[metric.column])) == (metric.default, type(metric.default))


@pytest.mark.parametrize("metric", [m for m in METRICS if m.kind == "flag"], ids=str)
def test_a_flag_that_is_false_overrides_its_default(metric: Metric) -> None:
    assert features(metric.event_type, **{metric.name: False})[metric.column] is False


@pytest.mark.parametrize("metric", [m for m in METRICS if m.kind in ("text", "integer")], ids=str)
def test_an_empty_text_or_a_zero_is_a_value_and_not_missing(metric: Metric) -> None:
    empty: object = "" if metric.kind == "text" else 0
    assert features(metric.event_type, **{metric.name: empty})[metric.column] == empty


@pytest.mark.parametrize(("event_type", "category"), CATEGORIES.items())
def test_a_row_has_exactly_the_columns_of_its_category(event_type: str, category: str) -> None:
    row = extract(event(event_type), LONDON)
    columns = (*EVENT_COLUMNS, *DERIVED_COLUMNS, *CATEGORY_COLUMNS[category])
    assert row.keys() | {"is_late", "pipeline_version"} == {column.name for column in columns}
    assert row["feature_category"] == category


def test_a_row_carries_the_event() -> None:
    row = extract(event("capacity_update", event_id="e-1"), LONDON)
    assert {name: row[name] for name in ("event_id", "location_id", "event_type")} == {
        "event_id": "e-1",
        "location_id": "1-466088203",
        "event_type": "capacity_update",
    }
    assert row["event_timestamp"] == datetime(2026, 3, 11, 11, 59, 58, tzinfo=UTC)
    assert row["publish_timestamp"] == row["processing_timestamp"] == NOW
    assert row["processing_latency_seconds"] == 2.0


def test_latency_is_negative_if_the_producers_clock_runs_ahead() -> None:
    assert at(datetime(2026, 3, 11, 12, 0, 0, 500_000, tzinfo=UTC))["processing_latency_seconds"] == -0.5


@pytest.mark.parametrize("previous", [*RANKS, "Splendid", "good"])
@pytest.mark.parametrize("new", [*RANKS, "Splendid", "good"])
def test_the_direction_of_every_pair_of_ratings(previous: str, new: str) -> None:
    before, after = RANKS.get(previous, 0), RANKS.get(new, 0)
    expected = "improved" if after > before else "declined" if after < before else "unchanged"
    row = features("rating_change", previous_rating=previous, new_rating=new)
    assert row["rating_change_direction"] == expected


@pytest.mark.parametrize(
    ("previous", "new"), [(None, "Good"), ("Good", None), ("", "Good"), ("Good", ""), (None, None), ("", "")]
)
def test_without_one_of_the_ratings_there_is_no_direction(previous: str | None, new: str | None) -> None:
    assert rating_change_direction(previous, new) is None


@pytest.mark.parametrize(
    ("metrics", "change"),
    [
        ({"previous_beds": 30, "new_beds": 42}, 12),
        ({"previous_beds": 42, "new_beds": "30"}, -12),
        ({"new_beds": 42}, 42),
        ({"previous_beds": 42}, -42),
        ({"previous_beds": None, "new_beds": None}, 0),
        ({"previous_beds": 2**63 - 1}, 1 - 2**63),
        ({"new_beds": 2**63 - 1}, 2**63 - 1),
        ({"new_beds": -(2**63)}, -(2**63)),
    ],
)
def test_a_capacity_change_counts_a_missing_side_as_nothing(metrics: dict[str, object], change: int) -> None:
    assert features("capacity_update", **metrics)["capacity_change"] == change


@pytest.mark.parametrize(("previous", "new"), [(-(2**63), 0), (1, -(2**63))])
def test_a_capacity_change_beyond_64_bits_is_a_transform_error_that_names_it(previous: int, new: int) -> None:
    with pytest.raises(Reject, match="capacity_change: ") as caught:
        features("capacity_update", previous_beds=previous, new_beds=new)
    assert caught.value.error_type is ErrorType.TRANSFORM_ERROR


@pytest.mark.parametrize(
    ("event_type", "metrics", "score"),
    [
        ("inspection_update", {}, 0),
        ("inspection_update", {"areas_assessed": ["safe", "caring", "safe"]}, 3),
        ("rating_change", {"specific_ratings_changed": ["safe", "caring"]}, 4),
        ("rating_change", {"enforcement_action": True}, 5),
        ("rating_change", {"specific_ratings_changed": ["safe"], "enforcement_action": True}, 7),
        ("rating_change", {"enforcement_action": False}, 0),
        ("compliance_alert", {"affected_areas": ["safe"]}, 0),
        ("fire_drill", {"areas_assessed": ["safe"], "enforcement_action_taken": True}, 0),
    ],
)
def test_complexity_is_areas_plus_twice_the_ratings_plus_5_for_enforcement(
    event_type: str, metrics: dict[str, object], score: int
) -> None:
    assert features(event_type, **metrics)["event_complexity_score"] == score


@pytest.mark.parametrize(
    ("event_type", "metrics", "score"),
    [
        ("compliance_alert", {"severity": "high"}, 3),
        ("compliance_alert", {"severity": "medium"}, 2),
        ("compliance_alert", {"severity": "low"}, 1),
        ("compliance_alert", {"severity": "HIGH"}, 0),
        ("compliance_alert", {"severity": "grave"}, 0),
        ("compliance_alert", {"severity": ""}, 0),
        ("compliance_alert", {}, 2),
        ("compliance_alert", {"severity": "low", "safeguarding_concern": True}, 6),
        ("compliance_alert", {"severity": "low", "repeat_violation": True}, 4),
        (
            "compliance_alert",
            {"severity": "high", "safeguarding_concern": True, "repeat_violation": True},
            11,
        ),
        ("rating_change", {"previous_rating": "Good", "new_rating": "Inadequate"}, 4),
        ("rating_change", {"previous_rating": "Good", "new_rating": "Splendid"}, 4),
        ("rating_change", {"previous_rating": "Good", "new_rating": "Outstanding"}, 0),
        ("rating_change", {"new_rating": "Inadequate"}, 0),
        ("inspection_update", {}, 0),
        ("fire_drill", {"alert_severity": "high", "safeguarding_concern": True}, 0),
    ],
)
def test_risk_is_severity_plus_safeguarding_plus_repeat_plus_decline(
    event_type: str, metrics: dict[str, object], score: int
) -> None:
    assert features(event_type, **metrics)["real_time_risk_score"] == score


@pytest.mark.parametrize(
    ("moment", "hour", "weekday", "month", "weekend"),
    [
        # 2026-03-29, a Sunday, 01:00 UTC: London goes from 00:59:59 GMT to 02:00 BST
        ("2026-03-29T00:59:59+00:00", 0, 6, 3, True),
        ("2026-03-29T01:00:00+00:00", 2, 6, 3, True),
        # 2026-10-25, a Sunday, 01:00 UTC: London has 01:xx twice
        ("2026-10-25T00:30:00+00:00", 1, 6, 10, True),
        ("2026-10-25T01:30:00+00:00", 1, 6, 10, True),
        ("2026-10-25T02:00:00+00:00", 2, 6, 10, True),
        # in summer the local day begins at 23:00 UTC: a Friday's last hour is Saturday, June is July
        ("2026-07-31T22:59:59+00:00", 23, 4, 7, False),
        ("2026-07-31T23:00:00+00:00", 0, 5, 8, True),
        ("2026-07-05T22:59:59+00:00", 23, 6, 7, True),
        ("2026-07-05T23:00:00+00:00", 0, 0, 7, False),
        # in winter the two agree
        ("2026-01-31T23:59:59+00:00", 23, 5, 1, True),
        ("2026-02-02T00:00:00+00:00", 0, 0, 2, False),
    ],
)
def test_hour_weekday_month_and_weekend_are_london_time(
    moment: str, hour: int, weekday: int, month: int, weekend: bool
) -> None:
    row = extract(DECODER.decode(message(_at(moment)), datetime(2026, 12, 1, tzinfo=UTC))[0], LONDON)
    names = ("event_hour_of_day", "event_day_of_week", "event_month", "is_weekend")
    assert [row[name] for name in names] == [hour, weekday, month, weekend]


def _at(moment: str) -> bytes:
    return orjson.dumps({"location_id": "l", "event_type": "x", "timestamp": moment, "metrics": {}})


@pytest.mark.parametrize(
    ("local_time", "expected"),
    [
        ("08:59:59.999999", False),
        ("09:00:00", True),
        ("17:00:00", True),
        ("17:59:59.999999", True),
        ("18:00:00", False),
        ("00:00:00", False),
    ],
)
@pytest.mark.parametrize("day_and_offset", ["2026-01-14T{}+00:00", "2025-07-19T{}+01:00"])
def test_business_hours_are_9_to_17_inclusive_on_any_day(
    local_time: str, expected: bool, day_and_offset: str
) -> None:
    assert at(datetime.fromisoformat(day_and_offset.format(local_time)))["is_business_hours"] is expected


def test_another_time_zone_moves_the_local_time_only() -> None:
    moment = datetime(2026, 3, 8, 20, 0, tzinfo=UTC)
    row = at(moment, ZoneInfo("Pacific/Auckland"))
    assert (row["event_hour_of_day"], row["event_day_of_week"], row["is_weekend"]) == (9, 0, False)
    assert row["event_timestamp"] == moment


@pytest.mark.parametrize(
    ("moment", "zone"), [("0001-01-01T00:00:00Z", "Europe/London"), ("9999-12-31T23:00:00Z", "Asia/Tokyo")]
)
def test_a_time_without_a_local_time_is_a_transform_error(moment: str, zone: str) -> None:
    parsed = {
        "event_id": "e",
        "location_id": "l",
        "event_type": "x",
        "event_timestamp": moment,
        "processing_timestamp": moment,
        "pipeline_version": "1",
        "metrics": {},
    }
    with pytest.raises(Reject, match="event_timestamp: ") as caught:
        extract(read(orjson.dumps(parsed)), ZoneInfo(zone))
    assert caught.value.error_type is ErrorType.TRANSFORM_ERROR


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("words", "words"),
        ("", ""),
        (3, "3"),
        (2.50, "2.5"),
        (True, "true"),
        (None, None),
        (["a", 1], '["a",1]'),
        ({"b": None}, '{"b":null}'),
        (18446744073709551615, "18446744073709551615"),
    ],
)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_generic_metric_is_kept_as_text(value: object, text: str | None, number: int) -> None:
    row = features("fire_drill", **{f"value_{number}": value})
    others = {1, 2, 3} - {number}
    assert row[f"generic_metric_{number}"] == text
    assert [row[f"generic_metric_{other}"] for other in others] == [None, None]


@pytest.mark.parametrize(
    ("metrics", "count", "location", "temporal"),
    [
        ({}, 0, False, False),
        ({"value_4": 1, "b": None}, 2, False, False),
        ({"location": None}, 1, True, False),
        ({"Location": "x", "location_id": "y"}, 2, False, False),
        ({"a": {"location": 1, "date": 2}}, 1, False, False),
        ({"time": 1}, 1, False, True),
        ({"startTime": 1}, 1, False, True),
        ({"UPDATED_AT": 1}, 1, False, True),  # "date" is in it, as the rule is stated
        ({"validated": 1}, 1, False, True),
        ({"tim": "time", "dat": "date"}, 2, False, False),
        ({"location": 1, "DATE": 1, "x": 1}, 3, True, True),
    ],
)
def test_generic_metrics_are_counted_and_searched_for_places_and_times(
    metrics: dict[str, object], count: int, location: bool, temporal: bool
) -> None:
    row = features("fire_drill", **metrics)
    found = (row["metric_count"], row["has_location_data"], row["has_temporal_data"])
    assert found == (count, location, temporal)


@pytest.mark.parametrize("depth", [1, 200, 250, 251, 252, 253, 254, 255, 256, 300])
def test_a_deep_generic_value_is_text_or_a_reject(depth: int) -> None:
    """Even if it was published to the parsed topic by hand: `parse` itself refuses the deepest."""
    fields = orjson.dumps(
        {
            "event_id": "e",
            "location_id": "l",
            "event_type": "x",
            "event_timestamp": NOW,
            "processing_timestamp": NOW,
            "pipeline_version": "1",
            "metrics": {},
        }
    )
    value = nested_json(depth)
    data = fields.replace(b'"metrics":{}', b'"metrics":{"value_1":%s}' % value)
    row = outcome(lambda: extract(read(data), LONDON))
    if isinstance(row, dict):
        assert row["generic_metric_1"] == value.decode()
    else:
        assert depth > 250


@given(good_events(), st.sampled_from([LONDON, ZoneInfo("UTC"), ZoneInfo("Pacific/Auckland")]))
def test_every_event_becomes_a_row_that_the_table_accepts(fields: dict[str, object], zone: ZoneInfo) -> None:
    decoded, _ = DECODER.decode(message(orjson.dumps(fields)), NOW)
    row = outcome(lambda: extract(decoded, zone))
    if not isinstance(row, dict):
        assert isinstance(row, Reject)
        assert row.error_type is ErrorType.TRANSFORM_ERROR
        return
    assert row.keys() <= COLUMNS.keys()
    assert encode(REALTIME_FEATURES, row | {"is_late": False})
    for name, value in row.items():
        assert (type(value) is list) == (COLUMNS[name].mode == "REPEATED"), name


def test_a_push_made_by_hand_has_no_publish_time() -> None:
    by_hand = event().model_copy(update={"publish_timestamp": None})
    assert extract(by_hand, LONDON)["publish_timestamp"] is None
