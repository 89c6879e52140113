"""The metrics of docs/events.md#event-types, by hand: the code and the generated page are held to them."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "integer", "number", "flag", "texts", "list"]


@dataclass(frozen=True)
class Metric:
    """One metric of an event type: its column, and the column's value if it is missing."""

    event_type: str
    name: str
    kind: Kind
    column: str
    default: str | int | bool | list[str] | None = None

    def __str__(self) -> str:
        return f"{self.event_type}.{self.name}"


METRICS = [
    Metric("inspection_update", "inspection_type", "text", "inspection_type"),
    Metric("inspection_update", "inspector_count", "integer", "inspector_count"),
    Metric("inspection_update", "duration_days", "number", "inspection_duration_days"),
    Metric("inspection_update", "areas_assessed", "texts", "areas_assessed", []),
    Metric("inspection_update", "preliminary_findings", "text", "preliminary_findings"),
    Metric("inspection_update", "follow_up_required", "flag", "follow_up_required", False),
    Metric("inspection_update", "priority", "text", "inspection_priority", "standard"),
    Metric("inspection_update", "risk_indicators", "list", "risk_indicators_found", 0),
    Metric("rating_change", "previous_rating", "text", "previous_overall_rating"),
    Metric("rating_change", "new_rating", "text", "new_overall_rating"),
    Metric("rating_change", "specific_ratings_changed", "texts", "ratings_changed", []),
    Metric("rating_change", "change_reason", "text", "rating_change_reason"),
    Metric("rating_change", "enforcement_action", "flag", "enforcement_action_taken", False),
    Metric("rating_change", "public_notification", "flag", "public_notification_sent", True),
    Metric("rating_change", "effective_date", "text", "rating_effective_date"),
    Metric("capacity_update", "previous_beds", "integer", "previous_bed_count"),
    Metric("capacity_update", "new_beds", "integer", "new_bed_count"),
    Metric("capacity_update", "change_reason", "text", "capacity_change_reason"),
    Metric("capacity_update", "affected_services", "texts", "service_types_affected", []),
    Metric("capacity_update", "approval_required", "flag", "regulatory_approval_required", True),
    Metric("capacity_update", "planned_occupancy", "number", "planned_occupancy_rate"),
    Metric("capacity_update", "staff_adjustment", "flag", "staff_adjustment_planned", False),
    Metric("compliance_alert", "severity", "text", "alert_severity", "medium"),
    Metric("compliance_alert", "category", "text", "alert_category"),
    Metric("compliance_alert", "affected_areas", "texts", "compliance_areas_affected", []),
    Metric("compliance_alert", "action_required", "flag", "action_required", True),
    Metric("compliance_alert", "response_deadline", "text", "response_deadline"),
    Metric("compliance_alert", "escalation_level", "integer", "escalation_level", 0),
    Metric("compliance_alert", "repeat_violation", "flag", "repeat_violation", False),
    Metric("compliance_alert", "potential_enforcement", "flag", "potential_enforcement", False),
    Metric("compliance_alert", "safeguarding_concern", "flag", "safeguarding_concern", False),
    Metric("dashboard_interaction", "user_type", "text", "user_type", "public"),
    Metric("dashboard_interaction", "page_views", "integer", "page_views", 1),
    Metric("dashboard_interaction", "time_on_page", "number", "time_on_page"),
    Metric("dashboard_interaction", "interaction_type", "text", "interaction_type"),
    Metric("dashboard_interaction", "search_queries", "texts", "search_queries", []),
    Metric("dashboard_interaction", "filters_applied", "texts", "filters_applied", []),
    Metric("dashboard_interaction", "data_downloaded", "flag", "data_downloaded", False),
    Metric("dashboard_interaction", "feedback_provided", "flag", "feedback_provided", False),
    Metric("dashboard_interaction", "session_duration", "number", "session_duration"),
]

CATEGORIES = {
    "inspection_update": "inspection",
    "rating_change": "rating",
    "capacity_update": "capacity",
    "compliance_alert": "compliance",
    "dashboard_interaction": "interaction",
    "fire_drill": "generic",
}
"""fire_drill stands for every type that docs/contract.md#event-types does not name."""
