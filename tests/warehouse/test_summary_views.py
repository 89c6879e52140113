"""The views that add up: events of an hour, and the risk of a location."""

from datetime import timedelta

import pytest

from shared.tables.columns import REALTIME_FEATURES, Row, Value
from tests.warehouse.rows import DAY, HOUR, NOW, feature, insert, select
from tools.pipeline.warehouse import Warehouse


async def test_hourly_feature_stats_counts_each_event_once_in_its_hour(
    warehouse: Warehouse, dataset: str
) -> None:
    hour = (NOW - DAY).replace(minute=0, second=0, microsecond=0)

    def alert(event_id: str, minute: int, **values: Value) -> Row:
        return feature(event_id, event_timestamp=hour + timedelta(minutes=minute), **values)

    high: Row = {"alert_severity": "high", "real_time_risk_score": 8, "event_complexity_score": 5}
    await insert(
        REALTIME_FEATURES,
        dataset,
        [
            alert("a", 0, safeguarding_concern=True, enforcement_action_taken=True, **high),
            alert("a", 0, safeguarding_concern=True, enforcement_action_taken=True, **high),
            alert("b", 59, location_id="1-2", alert_severity="medium", real_time_risk_score=2),
            alert("c", 30, safeguarding_concern=False, real_time_risk_score=2),
            alert("d", 60),
            alert("e", 5, event_type="rating_change", feature_category="rating"),
            feature("f", event_timestamp=NOW - 30 * DAY - HOUR),
        ],
    )
    rows = select(warehouse, "SELECT * FROM hourly_feature_stats ORDER BY hour, event_type")
    assert rows[0] == {
        "hour": hour,
        "event_type": "compliance_alert",
        "feature_category": "compliance",
        "event_count": 3,
        "avg_risk_score": 4.0,
        "avg_complexity_score": pytest.approx(5 / 3),
        "unique_locations": 2,
        "high_severity_alerts": 1,
        "safeguarding_concerns": 1,
        "enforcement_actions": 1,
    }
    assert [(row["hour"], row["event_type"], row["event_count"]) for row in rows[1:]] == [
        (hour, "rating_change", 1),
        (hour + HOUR, "compliance_alert", 1),
    ]


Events = list[dict[str, Value]]


def scored(*scores: int) -> Events:
    return [{"real_time_risk_score": score} for score in scores]


def high_alerts(count: int) -> Events:
    return [{"alert_severity": "high"}] * count


RISK: dict[str, tuple[Events, str]] = {
    "average of 8": (scored(7, 9), "CRITICAL"),
    "average under 8": (scored(7, 7, 9), "HIGH"),
    "any safeguarding": ([*scored(0, 0), {"safeguarding_concern": True}], "CRITICAL"),
    "average of 5": (scored(5), "HIGH"),
    "average under 5": (scored(4, 5), "MEDIUM"),
    "three high alerts": (high_alerts(3), "HIGH"),
    "two high alerts": (high_alerts(2), "LOW"),
    "average of 3": (scored(1, 5), "MEDIUM"),
    "average under 3": (scored(2, 3), "LOW"),
    "enforcement alone": ([{"enforcement_action_taken": True}], "LOW"),
}


async def test_location_risk_summary_sorts_locations_by_its_thresholds(
    warehouse: Warehouse, dataset: str
) -> None:
    await insert(
        REALTIME_FEATURES,
        dataset,
        [
            feature(f"{location}-{number}", location_id=location, **event)
            for location, (events, _) in RISK.items()
            for number, event in enumerate(events)
        ],
    )
    rows = select(warehouse, "SELECT location_id, risk_category FROM location_risk_summary")
    assert {row["location_id"]: row["risk_category"] for row in rows} == {
        location: category for location, (_, category) in RISK.items()
    }


async def test_location_risk_summary_adds_up_the_last_24_hours_once(
    warehouse: Warehouse, dataset: str
) -> None:
    newest = NOW - HOUR
    alert: Row = {"alert_severity": "high", "safeguarding_concern": True, "real_time_risk_score": 8}
    await insert(
        REALTIME_FEATURES,
        dataset,
        [
            feature("a", event_timestamp=newest, **alert),
            feature("a", event_timestamp=newest, **alert),
            feature(
                "b",
                event_timestamp=NOW - 23 * HOUR,
                enforcement_action_taken=True,
                event_type="rating_change",
            ),
            feature("c", event_timestamp=NOW - 25 * HOUR, **alert),
        ],
    )
    assert select(warehouse, "SELECT * FROM location_risk_summary") == [
        {
            "location_id": "1-1",
            "total_events_24h": 2,
            "avg_risk_score_24h": 4.0,
            "max_risk_score_24h": 8,
            "event_type_diversity": 2,
            "high_alerts_24h": 1,
            "safeguarding_events_24h": 1,
            "enforcement_events_24h": 1,
            "latest_event_time": newest,
            "risk_category": "CRITICAL",
        }
    ]
