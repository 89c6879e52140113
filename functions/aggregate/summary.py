"""What a flush did, as the JSON that it answers and logs."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from functions.aggregate.panes import Added, Pane, Window
from shared.windows.state import Segment


@dataclass(slots=True)
class Summary:
    """Counts over all rounds of one flush.

    status: `done`; `backlog` (the time was up, the next flush goes on); `skipped` (another flush holds the
    lease); `fenced` (another flush took over in the middle).
    """

    status: str = "done"
    detail: str = ""
    segments: int = 0
    events: Counter[Added] = field(default_factory=Counter)
    windows: int = 0
    panes: Counter[Pane] = field(default_factory=Counter)
    settled: int = 0
    lag: timedelta = timedelta(0)
    took: timedelta = timedelta(0)

    def skip(self, lease_until: datetime) -> "Summary":
        self.status = "skipped"
        self.detail = f"another flush is at work, or died; its lease ends at {lease_until.isoformat()}"
        return self

    def end(self, took: timedelta, status: str = "done") -> "Summary":
        self.status, self.took = status, took
        return self

    def read(self, segments: Sequence[Segment], now: datetime) -> None:
        """`lag`: how long the oldest segment had waited."""
        self.segments += len(segments)
        self.lag = max([self.lag, *(now - segment.appended_at for segment in segments)])

    def count(self, verdict: Added) -> None:
        self.events[verdict] += 1

    def looked_at(self, windows: Collection[object]) -> None:
        self.windows += len(windows)

    def emitted(self, window: Window) -> None:
        self.panes[window.last_emission.pane] += 1
        self.settled += window.is_final

    def to_dict(self) -> dict[str, str | int | float | dict[str, int]]:
        """The JSON object; times in seconds."""
        return {
            "status": self.status,
            "detail": self.detail,
            "segments": self.segments,
            "events_folded": self.events[Added.COUNTED],
            "duplicates": self.events[Added.DUPLICATE],
            "late_events": self.events[Added.TOO_LATE],
            "windows": self.windows,
            "panes": {pane.value: self.panes[pane] for pane in Pane},
            "settled": self.settled,
            "lag_seconds": round(self.lag.total_seconds(), 3),
            "seconds": round(self.took.total_seconds(), 3),
        }
