"""What an event gives to its window."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given

from functions.aggregate.accumulator import SUM_NAMES
from functions.features.contribution import SUMS, contribution
from functions.features.extraction import extract
from shared.errors import Reject
from shared.events import Event
from shared.windows.log import Contribution, decode_segment, encode_segment
from tests.unit.builders import DECODER, NOW, event, message
from tests.unit.contract import CATEGORIES
from tests.unit.strategies import good_events

LONDON = ZoneInfo("Europe/London")
NOON = int(NOW.timestamp()) * 1_000_000


def given_by(one: Event) -> Contribution:
    return contribution(one, extract(one, LONDON))


@pytest.mark.parametrize(
    ("event_type", "metrics", "sums"),
    [
        ("rating_change", {}, {}),
        (
            "rating_change",
            {"previous_rating": "Good", "new_rating": "Outstanding"},
            {"rating_improvements": 1},
        ),
        ("rating_change", {"previous_rating": "Good", "new_rating": "Inadequate"}, {"rating_declines": 1}),
        ("rating_change", {"previous_rating": "Good", "new_rating": "Good"}, {}),
        ("rating_change", {"enforcement_action": True}, {"enforcement_actions": 1}),
        ("inspection_update", {}, {}),
        ("inspection_update", {"inspector_count": "4"}, {"total_inspector_count": 4}),
        ("inspection_update", {"follow_up_required": True}, {"follow_ups_required": 1}),
        ("inspection_update", {"priority": "high"}, {"high_priority_inspections": 1}),
        ("inspection_update", {"priority": "High"}, {}),
        ("compliance_alert", {}, {}),
        ("compliance_alert", {"severity": "high"}, {"high_severity_alerts": 1}),
        ("compliance_alert", {"safeguarding_concern": True}, {"safeguarding_concerns": 1}),
        ("compliance_alert", {"repeat_violation": True}, {"repeat_violations": 1}),
        ("capacity_update", {"previous_beds": 30, "new_beds": 20}, {"net_capacity_change": -10}),
        ("capacity_update", {"previous_beds": 30, "new_beds": 30}, {}),
        ("dashboard_interaction", {}, {"total_page_views": 1}),
        ("dashboard_interaction", {"page_views": 7}, {"total_page_views": 7}),
        ("dashboard_interaction", {"page_views": 0}, {}),
        ("fire_drill", {"page_views": 7}, {}),
    ],
)
def test_each_category_adds_its_own_sums_and_leaves_zeros_out(
    event_type: str, metrics: dict[str, object], sums: dict[str, int]
) -> None:
    assert given_by(event(event_type, metrics)).sums == sums


def test_the_sums_are_those_that_the_flush_folds() -> None:
    assert {category: tuple(sums) for category, sums in SUMS.items()} == dict(SUM_NAMES)
    assert set(SUMS) == set(CATEGORIES.values())


def test_identity_times_and_scores_come_from_the_event() -> None:
    metrics = {"severity": "high", "repeat_violation": True}
    given_one = given_by(event("compliance_alert", metrics, event_id="e-1"))
    assert given_one == Contribution(
        event_id="e-1",
        location_id="1-466088203",
        event_micros=NOON - 2_000_000,
        arrival_micros=NOON,
        event_type="compliance_alert",
        category="compliance",
        risk_score=6,
        complexity_score=0,
        sums={"high_severity_alerts": 1, "repeat_violations": 1},
    )
    assert given_one.key.start == int(datetime(2026, 3, 11, 11, 55, tzinfo=UTC).timestamp()) * 1_000_000


def test_an_event_without_a_publish_time_arrived_when_it_was_processed() -> None:
    data = b'{"location_id": "l", "event_type": "x", "timestamp": "2026-03-11T11:00:00Z", "metrics": {}}'
    decoded, _ = DECODER.decode(message(data, publish_time=None), NOW)
    assert given_by(decoded).arrival_micros == NOON


@given(good_events())
def test_every_contribution_survives_a_segment(fields: dict[str, object]) -> None:
    decoded, _ = DECODER.decode(message(orjson.dumps(fields)), NOW)
    try:
        one = given_by(decoded)
    except Reject:  # no contribution where there is no row
        return
    assert decode_segment(encode_segment([one, one])) == [one, one]
