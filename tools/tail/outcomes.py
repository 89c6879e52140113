"""What became of an event, and which outcomes of a look are new. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tools.console import one_line
from tools.pipeline.warehouse import Record

ROW, DEAD_LETTER = "row", "dead letter"
ERROR_SHOWN = 120
"""Characters of an error that a line has; --json has all."""

Identity = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row of realtime_features, or of streaming_errors if `reason` is given."""

    at: datetime
    """When parse received the event, or when it failed."""
    event_id: str | None
    location_id: str | None
    event_type: str | None
    delay: float | None = None
    """Seconds from the event's own time to parse, of a row."""
    is_late: bool = False
    reason: str | None = None
    stage: str | None = None
    error: str | None = None

    @property
    def kind(self) -> str:
        return ROW if self.reason is None else DEAD_LETTER

    @property
    def identity(self) -> Identity:
        """A row is its event, however often it is delivered; a dead letter is one failure of it."""
        if self.reason is None:
            return (self.event_id,)
        error = self.error if self.event_id is None else None
        return (self.event_id, self.stage, self.reason, self.at, error)

    def line(self) -> str:
        """For people: ids whole, the error short."""
        when = self.at.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
        cells = (
            f"{self.kind:<11}",
            f"{one_line(self.location_id or '–'):<13}",
            f"{one_line(self.event_type or '–'):<21}",
            f"{one_line(self.event_id or '–'):<36}",
        )
        return "  ".join((when, *cells, self._detail())).rstrip()

    def _detail(self) -> str:
        if self.reason is not None:
            error = one_line(self.error or "")
            short = error if len(error) <= ERROR_SHOWN else f"{error[: ERROR_SHOWN - 1]}…"
            return f"{self.reason} at {self.stage}: {short}"
        late = ["late"] if self.is_late else []
        old = [] if self.delay is None else [f"{self.delay:,.1f} s after it happened"]
        return ", ".join(late + old)

    def document(self) -> dict[str, object]:
        """For machines: everything."""
        common = {
            "outcome": self.kind.replace(" ", "_"),
            "time": self.at,
            "event_id": self.event_id,
            "location_id": self.location_id,
            "event_type": self.event_type,
        }
        if self.reason is None:
            return common | {"is_late": self.is_late, "seconds_after_it_happened": self.delay}
        return common | {"reason": self.reason, "stage": self.stage, "error_message": self.error}


def outcome_of(record: Record) -> Outcome:
    """A record of the queries in looking.py, by their columns."""
    at, delay = record["at"], record["delay"]
    assert isinstance(at, datetime), "the column is required"
    return Outcome(
        at,
        _text(record["event_id"]),
        _text(record["location_id"]),
        _text(record["event_type"]),
        delay=delay if isinstance(delay, float) else None,
        is_late=bool(record["is_late"]),
        reason=_text(record["reason"]),
        stage=_text(record["stage"]),
        error=_text(record["error"]),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


class Unseen:
    """Remembers what was shown, as far back as looks reach: each outcome is taken once."""

    def __init__(self) -> None:
        self._seen: dict[Identity, datetime] = {}

    def take(self, outcomes: Iterable[Outcome], since: datetime) -> list[Outcome]:
        """The new ones, oldest first; what is older than `since` is forgotten, for no look reads it again."""
        new = []
        for outcome in sorted(outcomes, key=lambda one: one.at):
            if outcome.identity not in self._seen:
                new.append(outcome)
            self._seen[outcome.identity] = outcome.at
        self._seen = {identity: at for identity, at in self._seen.items() if at >= since}
        return new
