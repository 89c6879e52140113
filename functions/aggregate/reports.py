"""What the flush writes besides panes: window features for the online store, and its dead letters. Pure."""

from datetime import datetime

import orjson

from functions.aggregate.panes import Window
from shared.clock import from_micros
from shared.dead_letters.record import DeadLetterRecord
from shared.errors import ErrorType
from shared.online import WINDOW_FEATURES, OnlineFeatures, Unwritten
from shared.windows.log import Contribution, encode_segment
from shared.windows.state import Segment

STAGE = "aggregate"


def window_features(window: Window) -> OnlineFeatures:
    """The window's values; its generate_time is the event time of its newest event.

    So a late pane of an older window does not overwrite a newer window's values.
    """
    row, latest = window.row(), window.accumulator.latest_micros
    values = {name: row[column] for name, column in WINDOW_FEATURES.items()}
    generated = from_micros(window.key.start if latest is None else latest)
    return OnlineFeatures(window.key.location_id, generated, values)


def late_event(one: Contribution, now: datetime, version: str) -> DeadLetterRecord:
    """An event that `features` took for timely and whose window was settled before it was folded."""
    return DeadLetterRecord(
        error_type=ErrorType.LATE_EVENT,
        error_message=f"the window {_span(one.key.start)} was settled without the event: it is in no window",
        stage=STAGE,
        location_id=one.location_id,
        event_type=one.event_type,
        event_id=one.event_id,
        payload=encode_segment([one]),
        publish_timestamp=from_micros(one.arrival_micros),
        error_timestamp=now,
        pipeline_version=version,
    )


def unreadable_segment(segment: Segment, error: Exception, now: datetime, version: str) -> DeadLetterRecord:
    """A segment that this code cannot decode: kept whole, so that the flush can go on without it."""
    return DeadLetterRecord(
        error_type=ErrorType.UNEXPECTED_ERROR,
        error_message=f"window_log/{segment.segment_id} is no segment: {error}",
        stage=STAGE,
        payload=segment.data,
        error_timestamp=now,
        pipeline_version=version,
    )


def lost_pane(window: Window, refusal: Exception, now: datetime, version: str) -> DeadLetterRecord:
    """A pane that BigQuery refuses as a row."""
    return DeadLetterRecord(
        error_type=ErrorType.SINK_REJECTED,
        error_message=f"pane {window.revision} of the window {_span(window.key.start)}: {refusal}",
        stage=STAGE,
        location_id=window.key.location_id,
        payload=orjson.dumps(window.row()),
        error_timestamp=now,
        pipeline_version=version,
    )


def stale_online_values(unwritten: Unwritten, now: datetime, version: str) -> DeadLetterRecord:
    """Window features that did not reach the online store; its scheduled sync brings them too."""
    return DeadLetterRecord(
        error_type=ErrorType.FEATURE_STORE_WRITE_FAILED,
        error_message=f"window features: {unwritten}",
        stage=STAGE,
        payload=b"",
        error_timestamp=now,
        pipeline_version=version,
    )


def _span(start: int) -> str:
    return f"{from_micros(start):%Y-%m-%dT%H:%M:%SZ}"
