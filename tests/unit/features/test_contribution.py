"""What an event gives to its window, from its row."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given

from functions.features.extraction import extract
from shared.clock import to_micros
from shared.errors import Reject
from shared.events import Event
from shared.windows.contribution import MAX_SUMS, SUMS, Contribution, contribution
from shared.windows.key import digest
from shared.windows.segment import decode, encode
from tests.unit.builders import DECODER, NOW, event, message
from tests.unit.contract import CATEGORIES
from tests.unit.strategies import good_events

LONDON = ZoneInfo("Europe/London")


def given_by(example: Event) -> Contribution:
    return contribution(extract(example, LONDON))


@pytest.mark.parametrize(
    ("event_type", "metrics", "sums"),
    [
        ("rating_change", {}, (0, 0, 0)),
        ("rating_change", {"previous_rating": "Good", "new_rating": "Outstanding"}, (1, 0, 0)),
        ("rating_change", {"previous_rating": "Good", "new_rating": "Inadequate"}, (0, 1, 0)),
        ("rating_change", {"previous_rating": "Good", "new_rating": "Good"}, (0, 0, 0)),
        ("rating_change", {"enforcement_action": True}, (0, 0, 1)),
        ("inspection_update", {}, (0, 0, 0)),
        ("inspection_update", {"inspector_count": "4"}, (4, 0, 0)),
        ("inspection_update", {"follow_up_required": True}, (0, 1, 0)),
        ("inspection_update", {"priority": "high"}, (0, 0, 1)),
        ("inspection_update", {"priority": "High"}, (0, 0, 0)),
        ("compliance_alert", {"severity": "high"}, (1, 0, 0)),
        ("compliance_alert", {"safeguarding_concern": True}, (0, 1, 0)),
        ("compliance_alert", {"repeat_violation": True}, (0, 0, 1)),
        ("capacity_update", {"previous_beds": 30, "new_beds": 20}, (-10, 0, 0)),
        ("dashboard_interaction", {}, (1, 0, 0)),
        ("dashboard_interaction", {"page_views": 7}, (7, 0, 0)),
        ("dashboard_interaction", {"page_views": 0}, (0, 0, 0)),
        ("fire_drill", {"page_views": 7}, (0, 0, 0)),
    ],
)
def test_each_category_adds_its_own_sums(
    event_type: str, metrics: dict[str, object], sums: tuple[int, int, int]
) -> None:
    assert given_by(event(event_type, metrics))[-3:] == sums


def test_every_category_has_at_most_as_many_sums_as_a_contribution_holds() -> None:
    assert set(SUMS) == set(CATEGORIES.values())
    assert max(map(len, SUMS.values())) == MAX_SUMS


def test_identity_times_and_scores_come_from_the_event() -> None:
    metrics = {"severity": "high", "repeat_violation": True}
    example = given_by(event("compliance_alert", metrics, event_id="e-1"))
    assert example == Contribution(
        location_id="1-466088203",
        digest=digest("1-466088203", "e-1"),
        event_micros=to_micros(NOW) - 2_000_000,
        arrival_micros=to_micros(NOW),
        event_type="compliance_alert",
        category="compliance",
        risk_score=6,
        complexity_score=0,
        sum_1=1,
        sum_2=0,
        sum_3=1,
    )


def test_arrival_is_when_pubsub_took_the_event_and_else_when_parse_did() -> None:
    published = datetime(2026, 3, 11, 11, 59, 59, tzinfo=UTC)
    example = event().model_copy(update={"publish_timestamp": published})
    assert given_by(example).arrival_micros == to_micros(published)
    by_hand = example.model_copy(update={"publish_timestamp": None})
    assert given_by(by_hand).arrival_micros == to_micros(example.processing_timestamp)


def test_where_the_location_ends_makes_another_event() -> None:
    assert digest("1-1", "2") != digest("1-12", "") != digest("1-", "12")
    assert len(digest("", "")) == 16


@given(good_events())
def test_whatever_parse_lets_through_gives_a_contribution_that_a_segment_keeps(
    raw: dict[str, object],
) -> None:
    """What `features` itself rejects, such as a time without a local one, becomes a dead letter instead."""
    try:
        example, _ = DECODER.decode(message(orjson.dumps(raw)), NOW)
        given_one = given_by(example)
    except Reject:
        return
    if all(-(2**63) <= number < 2**63 for number in given_one[6:]):
        assert list(decode(encode([given_one]))) == [given_one]
