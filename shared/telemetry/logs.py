"""Logs in Cloud Logging's JSON format, one line per decision, and the count of unknown fields.

No payloads: search queries and findings can name people. The keys besides `severity`, `message` and the
trace are the closed list of FIELDS; log-based metrics and alerts are built on them (docs/metrics.md). They
stay in the payload (jsonPayload.error_type) and do not become the entry's `labels`, whose values are text
only: metrics read numbers out of the flush's counts.
Source: https://cloud.google.com/logging/docs/structured-logging
"""

import logging
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from enum import StrEnum

import orjson

from shared.telemetry.spans import current
from shared.telemetry.trace_context import TraceContext

FIELDS = (
    *("event", "stage", "event_id", "location_id", "error_type"),
    *("message_id", "subscription", "delivery_attempt", "counts"),
)


class LogEvent(StrEnum):
    """What a line reports, in its `event` field: metrics and alerts match this, never the sentence."""

    DEAD_LETTER_SENT = "dead_letter_sent"
    DEAD_LETTER_BRAKE_ENGAGED = "dead_letter_brake_engaged"
    DEAD_LETTER_BRAKE_RELEASED = "dead_letter_brake_released"
    MESSAGE_RETRIED = "message_retried"
    REQUEST_REFUSED = "request_refused"
    PULL_STARTED = "pull_started"
    PULL_ENDED = "pull_ended"
    UNKNOWN_FIELDS = "unknown_fields"
    FLUSH_FINISHED = "flush_finished"
    FLUSH_STOPPED = "flush_stopped"
    ONLINE_STORE_UNAVAILABLE = "online_store_unavailable"
    ONLINE_STORE_RECOVERED = "online_store_recovered"
    HEARTBEAT_RECEIVED = "heartbeat_received"


class JsonFormatter(logging.Formatter):
    """A record as one JSON line; a traceback is appended to the message, where Error Reporting finds it.

    The trace is the record's `trace`, else that of the message that the code is working on.
    """

    def __init__(self, stage: str, project: str) -> None:
        super().__init__()
        self._stage = stage
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        fields = {key: record.__dict__[key] for key in FIELDS if key in record.__dict__}
        line = {"severity": record.levelname, "message": message, "stage": self._stage} | fields
        context = record.__dict__.get("trace") or _current()
        return orjson.dumps(line | self._trace(context), default=str).decode()

    def _trace(self, context: TraceContext | None) -> dict[str, object]:
        if context is None:
            return {}
        return {
            "logging.googleapis.com/trace": f"projects/{self._project}/traces/{context.trace_id}",
            "logging.googleapis.com/spanId": context.span_id,
            "logging.googleapis.com/trace_sampled": context.is_sampled,
        }


def _current() -> TraceContext | None:
    scope = current.get()
    return None if scope is None else scope.context


def configure(stage: str, level: str, project: str) -> None:
    """Sends this process's logs to stdout as JSON; called once, when a function's module is imported."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(stage, project))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(level)


log = logging.getLogger("cqc")


_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}(\.[A-Za-z_][A-Za-z0-9_-]{0,63}){0,2}")
"""`rating_change.colour` or `rating_change.metrics.colour`."""


REPORT_SECONDS = 60.0


class UnknownFields:
    """Counts fields that no feature uses, and logs the counts so that a new field is noticed.

    It logs when a field is first seen, then at most once every REPORT_SECONDS, however many events carry it.
    Names beyond `max_names` (a producer that makes names up) count together as `(other)`, and so do names
    that are no plain identifiers: those may be what somebody typed, and logs hold no payloads.
    """

    def __init__(self, monotonic: Callable[[], float], max_names: int = 100) -> None:
        self._monotonic = monotonic
        self._max_names = max_names
        self._counts: Counter[str] = Counter()
        self._due = monotonic()

    def add(self, names: Iterable[str]) -> None:
        """Counts each name once, such as `rating_change.metrics.colour`."""
        for name in names:
            known = name in self._counts or (len(self._counts) < self._max_names and _PLAIN.fullmatch(name))
            self._counts[name if known else "(other)"] += 1
        if self._counts and self._monotonic() >= self._due:
            self._due = self._monotonic() + REPORT_SECONDS
            self.report()

    def report(self) -> None:
        """Logs the counts since the last report, if any, and resets them."""
        if self._counts:
            log.warning(
                "fields that no feature uses were received: add them to docs/contract.md or ask the producer",
                extra={"event": LogEvent.UNKNOWN_FIELDS, "counts": dict(self._counts)},
            )
            self._counts.clear()
