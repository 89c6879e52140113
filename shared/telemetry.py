"""Logs in Cloud Logging's JSON form, one line a decision, and the count of unknown fields.

No payloads: search queries and findings can name people. The keys besides `severity` and `message`
are the closed list of LABELS; log-based metrics and alerts are built on them.
Source: https://cloud.google.com/logging/docs/structured-logging
"""

import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterable

import orjson

LABELS = ("stage", "event_id", "location_id", "error_type", "subscription", "delivery_attempt", "counts")


class JsonFormatter(logging.Formatter):
    """A record as one JSON line; a traceback is joined to the message, where Error Reporting finds it."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self._stage = stage

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        labels = {key: record.__dict__[key] for key in LABELS if key in record.__dict__}
        line = {"severity": record.levelname, "message": message, "stage": self._stage} | labels
        return orjson.dumps(line, default=str).decode()


def configure(stage: str, level: str) -> None:
    """Sends this process's logs to stdout as JSON; called once, when a function's module is imported."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(stage))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(level)


log = logging.getLogger("cqc")


class UnknownFields:
    """Counts fields that no feature uses, so that a new one is noticed, and logs them now and then.

    One line at the first sight and then at most one every `every` seconds, however many events carry
    them; names past `max_names` (a producer that makes names up) count together as `(other)`.
    """

    def __init__(self, monotonic: Callable[[], float], every: float = 60.0, max_names: int = 100) -> None:
        self._monotonic = monotonic
        self._every = every
        self._max_names = max_names
        self._counts: Counter[str] = Counter()
        self._due = monotonic()

    def add(self, names: Iterable[str]) -> None:
        """Counts one sight of each name, such as `rating_change.metrics.colour`."""
        for name in (name[:200] for name in names):
            known = name in self._counts or len(self._counts) < self._max_names
            self._counts[name if known else "(other)"] += 1
        if self._counts and self._monotonic() >= self._due:
            self._due = self._monotonic() + self._every
            self.report()

    def report(self) -> None:
        """Logs the counts since the last report, if there are any, and starts anew."""
        if self._counts:
            log.warning(
                "fields that no feature uses were received: add them to the contract or ask the producer",
                extra={"counts": dict(self._counts)},
            )
            self._counts.clear()
