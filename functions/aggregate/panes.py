"""Which pane a window is due, and what it says. Pure.

    time ──────────┬──────────────────────┬─────────────────────────────┬──────────►
               window start           window end            end + lateness + grace
                   │  early, early, …     │  on_time, late, late, …     │ settled: is_final

A window emits at most one pane at a flush. The settling pane is `late`, as Beam's closing pane is, unless the
on_time pane is still owed (the flush was down): then that one is final at once.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from functions.aggregate.accumulator import Accumulator
from shared.clock import from_micros, to_micros
from shared.tables.columns import Row
from shared.windows.key import WindowKey, digest
from shared.windows.log import Contribution


class Pane(StrEnum):
    """The kinds of pane, in the order in which a window passes through them."""

    EARLY = "early"
    ON_TIME = "on_time"
    LATE = "late"


class Added(StrEnum):
    """What became of an event that met its window."""

    COUNTED = "counted"
    DUPLICATE = "duplicate"
    TOO_LATE = "too_late"
    """The window is settled, and without it."""


@dataclass(frozen=True, slots=True)
class Emission:
    """The last pane that a window emitted."""

    pane: Pane
    is_final: bool
    at: datetime


@dataclass(slots=True)
class Window:
    """One location's window: its fold, whose events it holds, and what it emitted.

    `revision` counts its panes. `flush` is the number of the flush that made the last one.
    """

    key: WindowKey
    accumulator: Accumulator = field(default_factory=Accumulator)
    seen: dict[bytes, None] = field(default_factory=dict)
    """Digests of the events in it, in order of arrival: what is stored of them never moves."""
    revision: int = 0
    flush: int = 0
    emission: Emission | None = None
    has_new: bool = False
    stored_chunks: int = 0
    """How much of `seen` its store holds already; the store's own number, handed back to it."""

    @property
    def is_final(self) -> bool:
        return self.emission is not None and self.emission.is_final

    @property
    def last_emission(self) -> Emission:
        """Raises ValueError before the first pane."""
        if self.emission is None:
            raise ValueError(f"window {self.key} has emitted no pane")
        return self.emission

    def add(self, one: Contribution) -> Added:
        """Counts an event once."""
        identity = digest(one.event_id)
        if identity in self.seen:
            return Added.DUPLICATE
        if self.is_final:
            return Added.TOO_LATE
        self.seen[identity] = None
        self.accumulator.add(one)
        self.has_new = True
        return Added.COUNTED

    def fire(self, due: Emission, flush: int) -> None:
        """Takes the next revision for a pane that is due."""
        self.emission = due
        self.revision += 1
        self.flush = flush
        self.has_new = False

    def row(self) -> Row:
        """The last pane as its row of realtime_features_aggregated: the same however often asked for."""
        emission = self.last_emission
        return {
            "location_id": self.key.location_id,
            "window_start": from_micros(self.key.start),
            "window_end": from_micros(self.key.end),
            "pane": emission.pane.value,
            "revision": self.revision,
            "is_final": emission.is_final,
            "aggregation_timestamp": emission.at,
            **self.accumulator.result(),
        }


@dataclass(frozen=True, slots=True)
class Trigger:
    """When panes are due."""

    allowed_lateness: timedelta
    close_grace: timedelta

    def closes_at(self, window_start: int) -> datetime:
        """From when a window is settled."""
        return from_micros(WindowKey(window_start, "").end) + self.allowed_lateness + self.close_grace

    def due(self, window: Window, now: datetime) -> Emission | None:
        """The pane that the window owes at `now`, or None."""
        if window.is_final:
            return None
        ended = to_micros(now) >= window.key.end
        closes = now >= self.closes_at(window.key.start)
        on_time_done = window.emission is not None and window.emission.pane is not Pane.EARLY
        if ended and not on_time_done:
            return Emission(Pane.ON_TIME, closes, now)
        if on_time_done and (window.has_new or closes):
            return Emission(Pane.LATE, closes, now)
        if window.has_new and not ended:
            return Emission(Pane.EARLY, False, now)
        return None
