"""One event of each type as a producer sends it, and one that is rejected for a typical mistake.

docs/events.md shows them; docs/tables.md shows the rows that they become.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

NOW = datetime(2026, 3, 11, 12, 0, 1, tzinfo=UTC)
"""When the examples arrive: a Wednesday at noon."""
EVENT_TIME = "2026-03-11T11:59:58Z"
LOCATION_ID = "1-466088203"
GENERIC = "staff_survey"
"""Stands for every type that docs/contract.md#event-types does not name."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Example:
    """`metrics` has every metric of the type, none at its default; `mistake` replaces fields of the event."""

    metrics: Mapping[str, object]
    mistake: Mapping[str, object]

    def accepted(self, event_type: str) -> Json:
        return {
            "event_id": f"{event_type.replace('_', '-')}-42",
            "location_id": LOCATION_ID,
            "event_type": event_type,
            "timestamp": EVENT_TIME,
            "metrics": dict(self.metrics),
        }

    def rejected(self, event_type: str) -> Json:
        """With the metrics that the mistake is about, so that it is seen."""
        return {**self.accepted(event_type), "metrics": {}, **self.mistake}


EXAMPLES: Mapping[str, Example] = {
    "inspection_update": Example(
        metrics={
            "inspection_type": "comprehensive",
            "inspector_count": 3,
            "duration_days": 1.5,
            "areas_assessed": ["safe", "well-led"],
            "preliminary_findings": "records incomplete",
            "follow_up_required": True,
            "priority": "high",
            "risk_indicators": ["falls", "turnover"],
        },
        mistake={"metrics": {"areas_assessed": "safe, well-led", "inspector_count": "three"}},
    ),
    "rating_change": Example(
        metrics={
            "previous_rating": "Good",
            "new_rating": "Requires improvement",
            "specific_ratings_changed": ["safe", "caring"],
            "change_reason": "inspection",
            "enforcement_action": True,
            "public_notification": False,
            "effective_date": "2026-03-16",
        },
        mistake={"timestamp": "2026-03-11T11:59:58", "metrics": {"new_rating": "Good"}},
    ),
    "capacity_update": Example(
        metrics={
            "previous_beds": 40,
            "new_beds": "44",
            "change_reason": "refurbishment",
            "affected_services": ["nursing", "dementia"],
            "approval_required": False,
            "planned_occupancy": 0.92,
            "staff_adjustment": True,
        },
        mistake={"metrics": {"previous_beds": 40, "new_beds": "many"}},
    ),
    "compliance_alert": Example(
        metrics={
            "severity": "high",
            "category": "medication",
            "affected_areas": ["medication", "staffing"],
            "action_required": False,
            "response_deadline": "2026-03-18",
            "escalation_level": 2,
            "repeat_violation": True,
            "potential_enforcement": True,
            "safeguarding_concern": True,
        },
        mistake={"location_id": "", "metrics": {"safeguarding_concern": "yes"}},
    ),
    "dashboard_interaction": Example(
        metrics={
            "user_type": "provider",
            "page_views": 4,
            "time_on_page": 37.5,
            "interaction_type": "search",
            "search_queries": ["nursing home near me"],
            "filters_applied": ["rating", "region"],
            "data_downloaded": True,
            "feedback_provided": True,
            "session_duration": 240.0,
        },
        mistake={"timestamp": "2026-03-11T14:00:00+01:00", "metrics": {"page_views": 4}},
    ),
    GENERIC: Example(
        metrics={
            "value_1": 8,
            "value_2": "agree",
            "value_3": {"comment": "too few at night"},
            "location": "north wing",
            "survey_date": "2026-03-01",
        },
        mistake={"metrics": [8, "agree"]},
    ),
}
"""Event type to its examples."""
