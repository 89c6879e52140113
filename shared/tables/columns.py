"""The tables, each column declared once: Terraform, the wire descriptor, the local BigQuery and tests use it.

Every stored time is UTC. A column of another category than the event's is null, or [] where it is a list.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Type = Literal["STRING", "INT64", "FLOAT64", "BOOL", "TIMESTAMP", "JSON", "BYTES"]
Mode = Literal["NULLABLE", "REQUIRED", "REPEATED"]

Value = str | int | float | bool | bytes | datetime | list[str] | None
"""One cell: a TIMESTAMP is an aware datetime, JSON is its text, a REPEATED column is a list."""
Row = dict[str, Value]
"""Column name to cell; a column left out is null, or [] where it is REPEATED."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `description` is one sentence that people read in BigQuery's schema.

    `null_when` completes "null when …" in docs/tables.md; empty where this pipeline always writes a value.
    For a feature it is empty too: the extraction decides (tools/generate/event_fields.py).
    """

    name: str
    type: Type
    description: str
    mode: Mode = "NULLABLE"
    null_when: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """One table, partitioned by the day of `partition_by` and clustered in the order of `cluster_by`.

    Compared by identity: there is one object of each, and as a key it costs no walk over its columns.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    partition_by: str
    cluster_by: tuple[str, ...]


def json_schema(table: Table) -> list[dict[str, str]]:
    """The table's schema in BigQuery's JSON form: name, type, mode and description of each column."""
    return [
        {"name": column.name, "type": column.type, "mode": column.mode, "description": column.description}
        for column in table.columns
    ]


def _required(name: str, type: Type, description: str) -> Column:
    return Column(name, type, description, mode="REQUIRED")


def _texts(name: str, description: str) -> Column:
    return Column(name, "STRING", description, mode="REPEATED")


def _null_when(reason: str, *columns: Column) -> tuple[Column, ...]:
    return tuple(replace(column, null_when=reason) for column in columns)


EVENT_COLUMNS = (
    _required("event_id", "STRING", "The producer's id of the event, else its first Pub/Sub message id."),
    _required("location_id", "STRING", "The care location that the event is about, such as 1-466088203."),
    Column("event_type", "STRING", "The type that the producer gave; an unknown one has category generic."),
    _required("event_timestamp", "TIMESTAMP", "When the event happened, according to its producer."),
    _required("processing_timestamp", "TIMESTAMP", "When parse received the event."),
    *_null_when(
        "the push was made by hand",
        Column("publish_timestamp", "TIMESTAMP", "When Pub/Sub accepted the producer's message."),
    ),
    Column("pipeline_version", "STRING", "The code of features that made the row: version+content hash."),
    Column("feature_category", "STRING", "inspection, rating, capacity, compliance, interaction or generic."),
    Column("is_late", "BOOL", "True when the event came after its window had closed: no window has it."),
)

DERIVED_COLUMNS = (
    Column("processing_latency_seconds", "FLOAT64", "Seconds from event_timestamp to processing_timestamp."),
    Column("event_hour_of_day", "INT64", "Hour of the event's local time, 0 to 23."),
    Column("event_day_of_week", "INT64", "Weekday of the event's local time, Monday 0 to Sunday 6."),
    Column("event_month", "INT64", "Month of the event's local time, 1 to 12."),
    Column("is_weekend", "BOOL", "True on a Saturday or Sunday, local time."),
    Column("is_business_hours", "BOOL", "True when the local hour is 9 to 17, both included."),
    Column("event_complexity_score", "INT64", "Areas assessed + 2 per changed rating + 5 for enforcement."),
    Column("real_time_risk_score", "INT64", "Severity 0-3, + 5 safeguarding, + 3 repeat, + 4 declined."),
)

CATEGORY_COLUMNS: dict[str, tuple[Column, ...]] = {
    "inspection": (
        Column("inspection_type", "STRING", "Kind of inspection, as the inspectorate names it."),
        Column("inspector_count", "INT64", "Number of inspectors on site."),
        Column("inspection_duration_days", "FLOAT64", "Length of the inspection in days, halves allowed."),
        _texts("areas_assessed", "Key questions assessed, such as safe or well-led."),
        Column("preliminary_findings", "STRING", "The inspectors' first findings, as text."),
        Column("follow_up_required", "BOOL", "True when a second visit will follow."),
        Column("inspection_priority", "STRING", "Priority of the inspection; standard unless stated."),
        Column("risk_indicators_found", "INT64", "Number of risk indicators that the inspectors reported."),
    ),
    "rating": (
        Column("previous_overall_rating", "STRING", "Overall rating before the change."),
        Column("new_overall_rating", "STRING", "Overall rating after the change."),
        Column(
            "rating_change_direction",
            "STRING",
            "improved, declined or unchanged; null if a rating is missing.",
        ),
        _texts("ratings_changed", "The individual ratings that changed, such as caring."),
        Column("rating_change_reason", "STRING", "Why the rating changed."),
        Column("enforcement_action_taken", "BOOL", "True when enforcement came with the new rating."),
        Column("public_notification_sent", "BOOL", "True when the public was told; true unless stated."),
        Column("rating_effective_date", "STRING", "When the rating takes effect, in the producer's format."),
    ),
    "capacity": (
        Column("previous_bed_count", "INT64", "Beds before the change."),
        Column("new_bed_count", "INT64", "Beds after the change."),
        Column("capacity_change", "INT64", "New minus previous beds; a missing side counts 0."),
        Column("capacity_change_reason", "STRING", "Why the number of beds changed."),
        _texts("service_types_affected", "Services that the change touches, such as nursing."),
        Column("regulatory_approval_required", "BOOL", "True when the regulator must agree (default)."),
        Column("planned_occupancy_rate", "FLOAT64", "Occupancy planned, as the producer gave it."),
        Column("staff_adjustment_planned", "BOOL", "True when staffing will follow the change."),
    ),
    "compliance": (
        Column("alert_severity", "STRING", "high, medium or low; medium unless stated."),
        Column("alert_category", "STRING", "What the alert is about, such as medication."),
        _texts("compliance_areas_affected", "Areas of compliance that the alert touches."),
        Column("action_required", "BOOL", "True when the provider must act; true unless stated."),
        Column("response_deadline", "STRING", "When a response is due, in the producer's format."),
        Column("escalation_level", "INT64", "How far the alert has been escalated, from 0."),
        Column("repeat_violation", "BOOL", "True when the same breach happened before."),
        Column("potential_enforcement", "BOOL", "True when enforcement may follow."),
        Column("safeguarding_concern", "BOOL", "True when people may be at risk of harm."),
    ),
    "interaction": (
        Column("user_type", "STRING", "Who used the dashboard; public unless stated."),
        Column("page_views", "INT64", "Pages viewed in the interaction; 1 unless stated."),
        Column("time_on_page", "FLOAT64", "Seconds spent on the page."),
        Column("interaction_type", "STRING", "What the user did, such as search."),
        _texts("search_queries", "What the user searched for."),
        _texts("filters_applied", "The dashboard's filters that the user set."),
        Column("data_downloaded", "BOOL", "True when the user downloaded data."),
        Column("feedback_provided", "BOOL", "True when the user left feedback."),
        Column("session_duration", "FLOAT64", "Length of the user's session in seconds."),
    ),
    "generic": (
        Column("generic_metric_1", "STRING", "The event's metric value_1 as text."),
        Column("generic_metric_2", "STRING", "The event's metric value_2 as text."),
        Column("generic_metric_3", "STRING", "The event's metric value_3 as text."),
        Column("metric_count", "INT64", "Number of metrics in the event."),
        Column("has_location_data", "BOOL", "True when a metric is named location."),
        Column("has_temporal_data", "BOOL", "True when a metric's name contains time or date."),
    ),
}

REALTIME_FEATURES = Table(
    name="realtime_features",
    description="One row per event, at least once; realtime_features_unique has each event once.",
    columns=EVENT_COLUMNS
    + DERIVED_COLUMNS
    + tuple(column for columns in CATEGORY_COLUMNS.values() for column in columns),
    partition_by="event_timestamp",
    cluster_by=("location_id", "event_type", "feature_category"),
)

REALTIME_FEATURES_AGGREGATED = Table(
    name="realtime_features_aggregated",
    description="Panes of 5-minute windows per location; the highest revision of a window is current.",
    columns=(
        _required("location_id", "STRING", "The care location of the window's events."),
        _required("window_start", "TIMESTAMP", "Start of the window, included; a multiple of 5 minutes."),
        _required("window_end", "TIMESTAMP", "End of the window, excluded."),
        Column("pane", "STRING", "early while the window is open, on_time at its end, late afterwards."),
        Column("revision", "INT64", "Rises by one with each pane of the window."),
        Column("is_final", "BOOL", "True when no later pane of the window can follow."),
        Column("window_event_count", "INT64", "Distinct events in the window so far."),
        Column("late_event_count", "INT64", "How many of them came after the window's end."),
        _texts("unique_event_types", "The event types in the window, sorted."),
        _texts("unique_feature_categories", "The feature categories in the window, sorted."),
        *_null_when(
            "the window counts no event",
            Column("average_risk_score", "FLOAT64", "Mean of the events' real_time_risk_score."),
            Column("max_risk_score", "INT64", "Highest real_time_risk_score in the window."),
            Column("average_complexity_score", "FLOAT64", "Mean of the events' event_complexity_score."),
            Column("max_complexity_score", "INT64", "Highest event_complexity_score in the window."),
            Column("latest_event_timestamp", "TIMESTAMP", "When the newest event of the window happened."),
        ),
        _required("aggregation_timestamp", "TIMESTAMP", "When the flush made this pane."),
        Column("event_type_count", "INT64", "Number of distinct event types in the window."),
        Column("feature_category_count", "INT64", "Number of distinct feature categories in the window."),
        Column("aggregated_features", "JSON", "Per category: count, latest_timestamp and its own sums."),
    ),
    partition_by="window_start",
    cluster_by=("location_id",),
)

STREAMING_ERRORS = Table(
    name="streaming_errors",
    description="One row per dead letter, at least once; streaming_errors_unique has each once.",
    columns=(
        Column("error_type", "STRING", "The reason, from the pipeline's closed list, such as schema_error."),
        Column("error_message", "STRING", "What was wrong, in a sentence that names the field."),
        Column("stage", "STRING", "The function that rejected the event or failed."),
        *_null_when(
            "the message does not give it as text",
            Column("location_id", "STRING", "The event's location, if it could be read."),
            Column("event_type", "STRING", "The event's type, if it could be read."),
        ),
        *_null_when(
            "it is a pane or a log segment, not an event",
            Column("event_id", "STRING", "The event's identity, else the message id of its delivery."),
        ),
        Column("raw_data", "STRING", "The message as text, at most 1,000 characters."),
        Column("payload", "BYTES", "The whole message as received, so that it can be replayed."),
        Column("attributes", "JSON", "The message's Pub/Sub attributes, an object of strings."),
        *_null_when(
            "the delivery does not say, or aggregate recorded it",
            Column("delivery_attempt", "INT64", "How often Pub/Sub had delivered the message, if counted."),
            Column("source_subscription", "STRING", "The subscription that delivered the message."),
        ),
        *_null_when(
            "the push was made by hand, or it is not an event",
            Column("publish_timestamp", "TIMESTAMP", "When Pub/Sub accepted the message."),
        ),
        _required("error_timestamp", "TIMESTAMP", "When the event failed."),
        Column(
            "pipeline_version",
            "STRING",
            "The code that recorded the failure, as version+content hash: stage's, or deadletter's for "
            "delivery_exhausted.",
        ),
    ),
    partition_by="error_timestamp",
    cluster_by=("error_type", "stage"),
)

REPLAYS = Table(
    name="replays",
    description="One row per event that an operator published again, by cqc replay or cqc redrive.",
    columns=(
        _required("replayed_at", "TIMESTAMP", "When the event was published again."),
        _required("event_id", "STRING", "The event's identity, which a replay keeps."),
        Column("kind", "STRING", "replay: as it was; redrive: edited, or accepted by newer code."),
        *_null_when(
            "the event does not give it as text",
            Column("location_id", "STRING", "The event's location, if it could be read."),
        ),
        Column("stage", "STRING", "The function that the event goes to again: parse or features."),
        *_null_when(
            "it was not a dead letter",
            Column("failed_stage", "STRING", "The function that rejected the event or failed."),
            Column("error_type", "STRING", "Why it failed, as in streaming_errors."),
            Column(
                "error_timestamp", "TIMESTAMP", "When it failed: distinguishes this failure from later ones."
            ),
        ),
        Column("replay_of", "STRING", "Its source: a dead letter, a message or a line of a file."),
        Column("replay_count", "INT64", "How often it had been published again, this time included."),
        Column("topic", "STRING", "The topic that it was published to."),
        Column("message_id", "STRING", "The id of the new Pub/Sub message."),
        *_null_when(
            "nothing was changed",
            Column("edit", "STRING", "What a redrive changed: its expressions, or the file edited by hand."),
        ),
    ),
    partition_by="replayed_at",
    cluster_by=("event_id",),
)

TABLES = (REALTIME_FEATURES, REALTIME_FEATURES_AGGREGATED, STREAMING_ERRORS, REPLAYS)
