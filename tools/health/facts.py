"""What is known about a running pipeline; whatever could not be learned is Missing, with the reason."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

from shared.errors import RECORDED_BESIDE_THEIR_ROW, ErrorType
from tools.health.answers import Answers
from tools.pipeline.side_by_side import Missing

T = TypeVar("T")
Made = TypeVar("Made")
BRAKED = ("parse", "features")
"""The functions that have a dead-letter brake."""

Known: TypeAlias = T | Missing
"""A fact, or why it could not be learned."""


def known(make: Callable[[T], Known[Made]], fact: Known[T]) -> Known[Made]:
    """What is made of a fact; Missing if that is missing."""
    return fact if isinstance(fact, Missing) else make(fact)


@dataclass(frozen=True, slots=True)
class Period:
    """The recent past that counts and rates are about."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one subscription holds now."""

    undelivered: int
    """Messages that are not acknowledged."""
    oldest: float | None
    """Seconds since the oldest of these was published; None when there is none."""
    retried: int | None = None
    """How many of these failed before; None where nobody counts them, as for the next."""
    failures: int | None = None
    """The most often that one of these failed."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Messages a second that one function was given, and that left it."""

    given: float | None
    done: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds that one stretch of the way took, over `events` of them; None where they are not counted."""

    stretch: str
    p50: float
    p99: float
    events: int | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """A circuit breaker: on from a log line that says so until one that says the opposite."""

    is_on: bool
    since: datetime | None = None
    """When it was switched on; a local log has no times."""


@dataclass(frozen=True, slots=True)
class Logged:
    """What one function's log says."""

    brake: Switch
    online_store: Switch
    """On while its instances send the online store nothing."""
    retry: str
    """Why it last had a message delivered again; empty if it did not."""
    pulls: bool = False
    """It has a stream from Pub/Sub; only where a function pulls."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Dead letters of one reason in the period."""

    stage: str
    error_type: str
    events: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What came into the tables in the last `seconds`."""

    seconds: float
    rows: int
    panes: int
    records: Sequence[Rejected]

    @property
    def rejected(self) -> Sequence[Rejected]:
        """Records of events that have no row, the most frequent first."""
        lost = (record for record in self.records if record.error_type not in RECORDED_BESIDE_THEIR_ROW)
        return sorted(lost, key=lambda record: -record.events)

    @property
    def online_failures(self) -> int:
        """Records of batches whose values the online store did not take."""
        failed = ErrorType.FEATURE_STORE_WRITE_FAILED
        return sum(record.events for record in self.records if record.error_type == failed)

    def share(self, record: Rejected) -> float:
        """Of all events that came to a row or a rejection, 0 to 1."""
        return record.events / (self.rows + sum(each.events for each in self.rejected))


@dataclass(frozen=True, slots=True)
class Flush:
    """The flush, over all shards."""

    lag: float | None
    """Seconds of the log that no flush has read; None before the first flush."""
    segments: str
    """How many wait behind the cursors; `100 or more`, as no more are read."""
    oldest: float
    """Seconds that the oldest of these waits, 0 for none."""
    open_windows: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything, at one time; subscriptions and functions go by their short names."""

    at: datetime
    period: Period
    """Of what the parts count; that of `stored` ends now."""
    backlogs: Known[Mapping[str, Backlog]]
    answers: Known[Mapping[str, Answers]]
    flows: Known[Mapping[str, Flow]]
    latencies: Known[Sequence[Latency]]
    logged: Mapping[str, Known[Logged]]
    stored: Known[Stored]
    flush: Known[Flush]
