"""What a row of features gives to its window: the scores, and the sums that its category adds. Pure."""

from collections.abc import Callable, Mapping

from shared.clock import to_micros
from shared.events import Event
from shared.tables.columns import Row, Value
from shared.windows.log import Contribution


def contribution(event: Event, row: Row) -> Contribution:
    """The event's entry for the window log."""
    return Contribution(
        event_id=event.event_id,
        location_id=event.location_id,
        event_micros=to_micros(event.event_timestamp),
        arrival_micros=to_micros(event.publish_timestamp or event.processing_timestamp),
        event_type=event.event_type,
        category=event.category,
        risk_score=_integer(row["real_time_risk_score"]),
        complexity_score=_integer(row["event_complexity_score"]),
        sums={name: amount for name, count in SUMS[event.category].items() if (amount := count(row))},
    )


def _integer(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _flag(column: str) -> Callable[[Mapping[str, Value]], int]:
    return lambda row: 1 if row[column] else 0


def _amount(column: str) -> Callable[[Mapping[str, Value]], int]:
    return lambda row: _integer(row[column])


def _equals(column: str, value: str) -> Callable[[Mapping[str, Value]], int]:
    return lambda row: 1 if row[column] == value else 0


SUMS: Mapping[str, Mapping[str, Callable[[Mapping[str, Value]], int]]] = {
    "rating": {
        "rating_improvements": _equals("rating_change_direction", "improved"),
        "rating_declines": _equals("rating_change_direction", "declined"),
        "enforcement_actions": _flag("enforcement_action_taken"),
    },
    "inspection": {
        "total_inspector_count": _amount("inspector_count"),
        "follow_ups_required": _flag("follow_up_required"),
        "high_priority_inspections": _equals("inspection_priority", "high"),
    },
    "compliance": {
        "high_severity_alerts": _equals("alert_severity", "high"),
        "safeguarding_concerns": _flag("safeguarding_concern"),
        "repeat_violations": _flag("repeat_violation"),
    },
    "capacity": {"net_capacity_change": _amount("capacity_change")},
    "interaction": {"total_page_views": _amount("page_views")},
    "generic": {},
}
"""Per category, the sums of docs/contract.md#aggregated-features."""
