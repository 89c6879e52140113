"""Every error that crosses a boundary, and what happens to the message that met it.

    PipelineError
    ├── BadRequest          the request is not a Pub/Sub delivery: 400, nothing to keep
    ├── Reject              the event can never succeed: dead letter with its reason, then 204
    └── Retry               it may succeed later: 503, Pub/Sub delivers it again with backoff
        ├── Busy            this instance's queue is full: 429, the same for Pub/Sub
        └── DeadLetterHeld  rejected, but so are most others: 503, it waits for a fix of the common cause

Only these are verdicts. Any other exception is a bug and stays loud (500, a traceback in the log): Pub/Sub
retries the message and finally forwards it to the dead-letter topic itself.
"""

from enum import StrEnum


class ErrorType(StrEnum):
    """The closed list of reasons in `streaming_errors.error_type`."""

    JSON_PARSE_ERROR = "json_parse_error"
    SCHEMA_ERROR = "schema_error"
    INVALID_TIMESTAMP = "invalid_timestamp"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    TRANSFORM_ERROR = "transform_error"
    LATE_EVENT = "late_event"
    SINK_REJECTED = "sink_rejected"
    FEATURE_STORE_WRITE_FAILED = "feature_store_write_failed"
    DELIVERY_EXHAUSTED = "delivery_exhausted"
    UNEXPECTED_ERROR = "unexpected_error"


RECORDED_BESIDE_THEIR_ROW = (ErrorType.LATE_EVENT, ErrorType.FEATURE_STORE_WRITE_FAILED)
"""The reasons of records about events that are not rejected: they have their row in realtime_features."""


class PipelineError(Exception):
    """The root; its text is one sentence for a person that says what happened, and to what."""


class BadRequest(PipelineError):
    """The body is neither a Pub/Sub push nor a CloudEvent that carries one."""


class Reject(PipelineError):
    """The event can never succeed as it is, however often it is delivered."""

    def __init__(self, error_type: ErrorType, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


class Retry(PipelineError):
    """A service failed; the same message may succeed later."""


class Busy(Retry):
    """The queue of this instance is full: backpressure, not failure."""


class DeadLetterHeld(Retry):
    """The dead-letter brake is engaged: the rejected message is not dead-lettered now."""
