"""An event's features and scores, by the rules of docs/contract.md#derived-features. Pure.

A default here is what a missing or null metric becomes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import orjson
from pydantic import JsonValue

from shared.errors import ErrorType, Reject
from shared.events import (
    CapacityMetrics,
    ComplianceMetrics,
    Event,
    GenericEvent,
    InspectionMetrics,
    InteractionMetrics,
    Metrics,
    RatingMetrics,
)
from shared.tables.columns import Row, Value

_RANKS: Final = {"Outstanding": 4, "Good": 3, "Requires improvement": 2, "Inadequate": 1}
_SEVERITIES: Final = {"high": 3, "medium": 2, "low": 1}
_INT64_MAX: Final = 2**63 - 1

T = TypeVar("T")


def extract(event: Event, zone: ZoneInfo) -> Row:
    """The row of realtime_features without is_late and pipeline_version; raises Reject(transform_error)."""
    features = _category_features(event)
    local = _local_time(event.event_timestamp, zone)
    return {
        "event_id": event.event_id,
        "location_id": event.location_id,
        "event_type": event.event_type,
        "event_timestamp": event.event_timestamp,
        "processing_timestamp": event.processing_timestamp,
        "publish_timestamp": event.publish_timestamp,
        "feature_category": event.category,
        "processing_latency_seconds": (event.processing_timestamp - event.event_timestamp).total_seconds(),
        "event_hour_of_day": local.hour,
        "event_day_of_week": local.weekday(),
        "event_month": local.month,
        "is_weekend": local.weekday() >= 5,
        "is_business_hours": 9 <= local.hour <= 17,
        "event_complexity_score": complexity_score(features),
        "real_time_risk_score": risk_score(features),
        **features,
    }


def _local_time(moment: datetime, zone: ZoneInfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError as error:  # the first hours of year 1, the last of 9999
        reason = f"event_timestamp: {moment.isoformat()} has no local time in {zone.key}"
        raise Reject(ErrorType.TRANSFORM_ERROR, reason) from error


def complexity_score(features: Mapping[str, Value]) -> int:
    """len(areas_assessed) + 2·len(ratings_changed) + 5 if enforcement_action_taken."""
    areas, ratings = features.get("areas_assessed"), features.get("ratings_changed")
    return (
        (len(areas) if isinstance(areas, list) else 0)
        + 2 * (len(ratings) if isinstance(ratings, list) else 0)
        + (5 if features.get("enforcement_action_taken") else 0)
    )


def risk_score(features: Mapping[str, Value]) -> int:
    """Severity 1 to 3, + 5 for safeguarding, + 3 for a repeat, + 4 for a declined rating."""
    severity = features.get("alert_severity")
    return (
        (_SEVERITIES.get(severity, 0) if isinstance(severity, str) else 0)
        + (5 if features.get("safeguarding_concern") else 0)
        + (3 if features.get("repeat_violation") else 0)
        + (4 if features.get("rating_change_direction") == "declined" else 0)
    )


def rating_change_direction(previous: str | None, new: str | None) -> str | None:
    """`improved`, `declined` or `unchanged`; None if a side is missing or empty."""
    if not previous or not new:
        return None
    before, after = _RANKS.get(previous, 0), _RANKS.get(new, 0)
    return "improved" if after > before else "declined" if after < before else "unchanged"


def _category_features(event: Event) -> Row:
    if isinstance(event, GenericEvent):
        return _generic(event.metrics)
    return _typed(event.metrics)


def _typed(metrics: Metrics) -> Row:
    match metrics:
        case InspectionMetrics():
            return _inspection(metrics)
        case RatingMetrics():
            return _rating(metrics)
        case CapacityMetrics():
            return _capacity(metrics)
        case ComplianceMetrics():
            return _compliance(metrics)
        case InteractionMetrics():
            return _interaction(metrics)
    raise AssertionError(f"no features for {type(metrics).__name__}")


def _or(value: T | None, default: T) -> T:
    return default if value is None else value


def _inspection(metrics: InspectionMetrics) -> Row:
    return {
        "inspection_type": metrics.inspection_type,
        "inspector_count": metrics.inspector_count,
        "inspection_duration_days": metrics.duration_days,
        "areas_assessed": _or(metrics.areas_assessed, []),
        "preliminary_findings": metrics.preliminary_findings,
        "follow_up_required": _or(metrics.follow_up_required, False),
        "inspection_priority": _or(metrics.priority, "standard"),
        "risk_indicators_found": len(_or(metrics.risk_indicators, [])),
    }


def _rating(metrics: RatingMetrics) -> Row:
    return {
        "previous_overall_rating": metrics.previous_rating,
        "new_overall_rating": metrics.new_rating,
        "rating_change_direction": rating_change_direction(metrics.previous_rating, metrics.new_rating),
        "ratings_changed": _or(metrics.specific_ratings_changed, []),
        "rating_change_reason": metrics.change_reason,
        "enforcement_action_taken": _or(metrics.enforcement_action, False),
        "public_notification_sent": _or(metrics.public_notification, True),
        "rating_effective_date": metrics.effective_date,
    }


def _capacity(metrics: CapacityMetrics) -> Row:
    change = _or(metrics.new_beds, 0) - _or(metrics.previous_beds, 0)
    if not -_INT64_MAX - 1 <= change <= _INT64_MAX:
        raise Reject(ErrorType.TRANSFORM_ERROR, f"capacity_change: {change} does not fit a 64-bit integer")
    return {
        "previous_bed_count": metrics.previous_beds,
        "new_bed_count": metrics.new_beds,
        "capacity_change": change,
        "capacity_change_reason": metrics.change_reason,
        "service_types_affected": _or(metrics.affected_services, []),
        "regulatory_approval_required": _or(metrics.approval_required, True),
        "planned_occupancy_rate": metrics.planned_occupancy,
        "staff_adjustment_planned": _or(metrics.staff_adjustment, False),
    }


def _compliance(metrics: ComplianceMetrics) -> Row:
    return {
        "alert_severity": _or(metrics.severity, "medium"),
        "alert_category": metrics.category,
        "compliance_areas_affected": _or(metrics.affected_areas, []),
        "action_required": _or(metrics.action_required, True),
        "response_deadline": metrics.response_deadline,
        "escalation_level": _or(metrics.escalation_level, 0),
        "repeat_violation": _or(metrics.repeat_violation, False),
        "potential_enforcement": _or(metrics.potential_enforcement, False),
        "safeguarding_concern": _or(metrics.safeguarding_concern, False),
    }


def _interaction(metrics: InteractionMetrics) -> Row:
    return {
        "user_type": _or(metrics.user_type, "public"),
        "page_views": _or(metrics.page_views, 1),
        "time_on_page": metrics.time_on_page,
        "interaction_type": metrics.interaction_type,
        "search_queries": _or(metrics.search_queries, []),
        "filters_applied": _or(metrics.filters_applied, []),
        "data_downloaded": _or(metrics.data_downloaded, False),
        "feedback_provided": _or(metrics.feedback_provided, False),
        "session_duration": metrics.session_duration,
    }


def _generic(metrics: Mapping[str, JsonValue]) -> Row:
    keys = [key.lower() for key in metrics]
    return {
        "generic_metric_1": _text(metrics.get("value_1")),
        "generic_metric_2": _text(metrics.get("value_2")),
        "generic_metric_3": _text(metrics.get("value_3")),
        "metric_count": len(metrics),
        "has_location_data": "location" in metrics,
        "has_temporal_data": any("time" in key or "date" in key for key in keys),
    }


def _text(value: JsonValue) -> str | None:
    """Text as it is, null as None, anything else as its JSON; raises Reject if it nests too deep for that."""
    if value is None or isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise Reject(ErrorType.TRANSFORM_ERROR, f"metrics: {error}") from None
