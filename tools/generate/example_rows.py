"""One row of each table for docs/tables.md; a test encodes each for BigQuery, so the types are right.

The features are those of the examples in docs/events.md; the window is that of the rating change.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.tables.columns import (
    CATEGORY_COLUMNS,
    REALTIME_FEATURES,
    REALTIME_FEATURES_AGGREGATED,
    REPLAYS,
    STREAMING_ERRORS,
    Row,
)
from tools.generate.event_examples import EVENT_TIME, EXAMPLES, LOCATION_ID, NOW
from tools.generate.event_fields import row
from tools.validate.checking import Checker, Rejected

_WINDOW_START = datetime.fromisoformat("2026-03-11T11:55:00Z")
_VERSION = "0.1.0+3f9c2a71"
"""Not the current one: a release does not change the page."""
_EVENT_TIME = datetime.fromisoformat(EVENT_TIME)


def example_rows() -> Mapping[str, Row]:
    """Table to a value of each column."""
    return {
        REALTIME_FEATURES.name: _features(),
        REALTIME_FEATURES_AGGREGATED.name: _AGGREGATED,
        STREAMING_ERRORS.name: _error(),
        REPLAYS.name: _REPLAY,
    }


def _features() -> Row:
    """A rating change, with each other category's columns from that category's example."""
    rows = [row(event_type, example.metrics) for event_type, example in EXAMPLES.items()]
    others = {
        column.name: values[column.name]
        for values in rows
        for column in CATEGORY_COLUMNS[str(values["feature_category"])]
    }
    return row("rating_change", EXAMPLES["rating_change"].metrics) | others | {"pipeline_version": _VERSION}


_AGGREGATED: Row = {
    "location_id": LOCATION_ID,
    "window_start": _WINDOW_START,
    "window_end": _WINDOW_START + timedelta(minutes=5),
    "pane": "on_time",
    "revision": 2,
    "is_final": False,
    "window_event_count": 2,
    "late_event_count": 0,
    "unique_event_types": ["compliance_alert", "rating_change"],
    "unique_feature_categories": ["compliance", "rating"],
    "average_risk_score": 7.5,
    "max_risk_score": 11,
    "average_complexity_score": 4.5,
    "max_complexity_score": 9,
    "latest_event_timestamp": _EVENT_TIME,
    "aggregation_timestamp": _WINDOW_START + timedelta(minutes=6),
    "event_type_count": 2,
    "feature_category_count": 2,
    "aggregated_features": json.dumps(
        {
            "compliance": {
                "count": 1,
                "latest_timestamp": _EVENT_TIME.isoformat(),
                "high_severity_alerts": 1,
                "safeguarding_concerns": 1,
                "repeat_violations": 1,
            },
            "rating": {
                "count": 1,
                "latest_timestamp": _EVENT_TIME.isoformat(),
                "rating_improvements": 0,
                "rating_declines": 1,
                "enforcement_actions": 1,
            },
        }
    ),
}


def _error() -> Row:
    """The dead letter of the capacity update that docs/events.md shows as rejected."""
    event = EXAMPLES["capacity_update"].rejected("capacity_update")
    data = json.dumps(event).encode()
    verdict = Checker().check(data, NOW)
    assert isinstance(verdict, Rejected)
    return {
        "error_type": verdict.error_type.value,
        "error_message": verdict.message,
        "stage": "parse",
        "location_id": LOCATION_ID,
        "event_type": "capacity_update",
        "event_id": str(event["event_id"]),
        "raw_data": data.decode(),
        "payload": data,
        "attributes": json.dumps({"producer": "bed-register"}),
        "delivery_attempt": 1,
        "source_subscription": "projects/my-project/subscriptions/dashboard-events-parse",
        "publish_timestamp": NOW,
        "error_timestamp": NOW,
        "pipeline_version": _VERSION,
    }


_REPLAY: Row = {
    "replayed_at": NOW + timedelta(hours=1),
    "event_id": "capacity-update-42",
    "kind": "redrive",
    "location_id": LOCATION_ID,
    "stage": "parse",
    "failed_stage": "parse",
    "error_type": "schema_error",
    "error_timestamp": NOW,
    "replay_of": "parse/schema_error/2026-03-11T12:00:01.000000Z",
    "replay_count": 1,
    "topic": "projects/my-project/topics/dashboard-events",
    "message_id": "12045678901234567",
    "edit": "metrics.new_beds=44",
}
