"""The event between the functions: identified, timed in UTC and typed by a discriminated union.

`parse` makes it from a producer's message and `features` reads it back; both validate with EVENT, so a
replayed or hand-written message meets the same rules. An absent or null metric is None here; the defaults
belong to the features (functions/features/extraction.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar, Literal

import orjson
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    SkipValidation,
    StrictBool,
    StrictStr,
    Tag,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails

from shared.errors import ErrorType, Reject

MAX_LOCATION_ID = 128
MAX_EVENT_TYPE = 128
MAX_EVENT_ID = 256
"""docs/contract.md#the-input-event bounds only location_id; the other two are kept per window, so they are
bounded as well (docs/decisions/0007)."""
MAX_PARSED = 4_000_000
"""Bytes. `parse` makes no more of an event of 1 MB, the most that MAX_EVENT_BYTES allows: it writes numbers
up to four times as long, 1e15 as 1000000000000000.0. As Python it takes up to 40 times as much."""


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("expected a number, got a boolean")
    return value


def _no_inner_sign(value: object) -> object:
    """pydantic reads "0-3" as the integer -3."""
    if isinstance(value, str) and not {"+", "-"}.isdisjoint(value.strip()[1:]):
        raise ValueError("expected a number, got a text with a sign in its middle")
    return value


Int = Annotated[
    int, BeforeValidator(_no_bool), BeforeValidator(_no_inner_sign), Field(ge=-(2**63), le=2**63 - 1)
]
"""BigQuery's INT64; "3" and 3.0 are accepted, true and 3.5 are not."""
Float = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Strings = Annotated[list[StrictStr], Field(fail_fast=True)]
"""The first element that is no text is the error: pydantic would write one for each, 130,000 for an event of
256 KiB, which took 300 ms."""
Json = SkipValidation[JsonValue]
"""What orjson has read is JSON: validating it once more took 40 ms for 100,000 numbers."""


class Metrics(BaseModel):
    """The known metrics of one event type; unknown keys are dropped here and counted by `parse`."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class InspectionMetrics(Metrics):
    inspection_type: StrictStr | None = None
    inspector_count: Int | None = None
    duration_days: Float | None = None
    areas_assessed: Strings | None = None
    preliminary_findings: StrictStr | None = None
    follow_up_required: StrictBool | None = None
    priority: StrictStr | None = None
    risk_indicators: list[Json] | None = None


class RatingMetrics(Metrics):
    previous_rating: StrictStr | None = None
    new_rating: StrictStr | None = None
    specific_ratings_changed: Strings | None = None
    change_reason: StrictStr | None = None
    enforcement_action: StrictBool | None = None
    public_notification: StrictBool | None = None
    effective_date: StrictStr | None = None


class CapacityMetrics(Metrics):
    previous_beds: Int | None = None
    new_beds: Int | None = None
    change_reason: StrictStr | None = None
    affected_services: Strings | None = None
    approval_required: StrictBool | None = None
    planned_occupancy: Float | None = None
    staff_adjustment: StrictBool | None = None


class ComplianceMetrics(Metrics):
    severity: StrictStr | None = None
    category: StrictStr | None = None
    affected_areas: Strings | None = None
    action_required: StrictBool | None = None
    response_deadline: StrictStr | None = None
    escalation_level: Int | None = None
    repeat_violation: StrictBool | None = None
    potential_enforcement: StrictBool | None = None
    safeguarding_concern: StrictBool | None = None


class InteractionMetrics(Metrics):
    user_type: StrictStr | None = None
    page_views: Int | None = None
    time_on_page: Float | None = None
    interaction_type: StrictStr | None = None
    search_queries: Strings | None = None
    filters_applied: Strings | None = None
    data_downloaded: StrictBool | None = None
    feedback_provided: StrictBool | None = None
    session_duration: Float | None = None


class BaseEvent(BaseModel):
    """The fields of every event. Times are UTC; publish_timestamp is None for a push made by hand."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    category: ClassVar[str]

    event_id: Annotated[StrictStr, Field(min_length=1, max_length=MAX_EVENT_ID)]
    location_id: Annotated[StrictStr, Field(min_length=1, max_length=MAX_LOCATION_ID)]
    event_timestamp: AwareDatetime
    publish_timestamp: AwareDatetime | None = None
    processing_timestamp: AwareDatetime
    pipeline_version: StrictStr


class InspectionUpdate(BaseEvent):
    category = "inspection"
    event_type: Literal["inspection_update"]
    metrics: InspectionMetrics


class RatingChange(BaseEvent):
    category = "rating"
    event_type: Literal["rating_change"]
    metrics: RatingMetrics


class CapacityUpdate(BaseEvent):
    category = "capacity"
    event_type: Literal["capacity_update"]
    metrics: CapacityMetrics


class ComplianceAlert(BaseEvent):
    category = "compliance"
    event_type: Literal["compliance_alert"]
    metrics: ComplianceMetrics


class DashboardInteraction(BaseEvent):
    category = "interaction"
    event_type: Literal["dashboard_interaction"]
    metrics: InteractionMetrics


class GenericEvent(BaseEvent):
    category = "generic"
    event_type: Annotated[StrictStr, Field(min_length=1, max_length=MAX_EVENT_TYPE)]
    metrics: dict[StrictStr, Json]


METRICS: dict[str, type[Metrics]] = {
    "inspection_update": InspectionMetrics,
    "rating_change": RatingMetrics,
    "capacity_update": CapacityMetrics,
    "compliance_alert": ComplianceMetrics,
    "dashboard_interaction": InteractionMetrics,
}
"""The metrics of each known event type; any other type is generic."""


def _tag(value: Mapping[str, object] | BaseEvent) -> str:
    kind = value.get("event_type") if isinstance(value, Mapping) else value.event_type  # type: ignore[attr-defined]
    return kind if isinstance(kind, str) and kind in METRICS else "generic"


Event = Annotated[
    Annotated[InspectionUpdate, Tag("inspection_update")]
    | Annotated[RatingChange, Tag("rating_change")]
    | Annotated[CapacityUpdate, Tag("capacity_update")]
    | Annotated[ComplianceAlert, Tag("compliance_alert")]
    | Annotated[DashboardInteraction, Tag("dashboard_interaction")]
    | Annotated[GenericEvent, Tag("generic")],
    Discriminator(_tag),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def validate(fields: Mapping[str, object]) -> Event:
    """The event of these fields; raises Reject(schema_error) naming each wrong field's path."""
    try:
        return EVENT.validate_python(fields)
    except ValidationError as error:
        raise Reject(ErrorType.SCHEMA_ERROR, _explain(error)) from None


def read(data: bytes) -> Event:
    """The event in a message of the parsed topic; raises Reject."""
    if len(data) > MAX_PARSED:
        size = f"the parsed event has {len(data)} bytes, more than {MAX_PARSED}: `parse` made no such event"
        raise Reject(ErrorType.PAYLOAD_TOO_LARGE, size)
    return validate(json_object(data))


def json_object(data: bytes) -> Mapping[str, object]:
    """The JSON object in a message's data; raises Reject."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        reason = f"not JSON: {error}" if data else "the message is empty"
        raise Reject(ErrorType.JSON_PARSE_ERROR, reason) from None
    if not isinstance(value, dict):
        raise Reject(ErrorType.SCHEMA_ERROR, f"expected a JSON object, got {type(value).__name__}")
    return value


def _explain(error: ValidationError) -> str:
    """The first five problems, each like `metrics.new_beds: Input should be a valid integer (got "many")`."""
    problems = error.errors(include_url=False, include_context=False)
    more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    return "; ".join(_explain_field(problem) for problem in problems[:5]) + more


def _explain_field(problem: ErrorDetails) -> str:
    path = ".".join(str(part) for part in problem["loc"][1:])  # loc[0] is the union's tag
    if problem["type"] == "missing":
        return f"{path}: is missing"
    got = problem["input"]
    shown = type(got).__name__ if isinstance(got, dict | list) else repr(got)[:40]
    return f"{path[:120]}: {problem['msg']} (got {shown})"


def encode(event: Event) -> bytes:
    """The event as the JSON of the parsed topic; raises Reject if it nests deeper than orjson can write."""
    metrics: object = event.metrics if isinstance(event, GenericEvent) else event.metrics.__dict__
    fields = {
        "event_id": event.event_id,
        "location_id": event.location_id,
        "event_type": event.event_type,
        "event_timestamp": event.event_timestamp,
        "publish_timestamp": event.publish_timestamp,
        "processing_timestamp": event.processing_timestamp,
        "pipeline_version": event.pipeline_version,
        "metrics": metrics,
    }
    try:
        return orjson.dumps(fields, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError as error:
        raise Reject(ErrorType.SCHEMA_ERROR, f"metrics: {error}") from None


def parse_time(text: str) -> datetime:
    """An ISO 8601 time with an offset; raises ValueError saying what is wrong."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("it has no offset: end it with Z or +00:00")
    return moment
