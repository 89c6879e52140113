"""What a flush did, as the JSON that it answers and logs."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from functions.aggregate.bucket import Added, BucketState
from functions.aggregate.window import Timing

STATUSES = ("done", "skipped", "fenced", "backlog")
"""From good to bad: of several shards the worst is the flush's."""


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
    panes: Counter[Timing] = field(default_factory=Counter)
    settled: int = 0
    lag: timedelta = timedelta(0)
    took: timedelta = timedelta(0)

    def skip(self, lease_until: datetime) -> "Summary":
        self.status = "skipped"
        self.detail = f"another flush is at work, or died; its lease ends at {lease_until.isoformat()}"
        return self

    def behind(self, watermark: int, sealed_before: int) -> None:
        """`lag`: how much of the log was sealed and not read when the flush began."""
        if watermark:
            self.lag = timedelta(microseconds=max(0, sealed_before - watermark))

    def looked_at(self, bucket: BucketState) -> None:
        self.windows += bucket.locations
        self.events += bucket.added

    def join(self, other: "Summary") -> None:
        """Takes in another shard's."""
        self.status = max(self.status, other.status, key=STATUSES.index)
        self.detail = "; ".join(filter(None, (self.detail, other.detail)))
        self.segments += other.segments
        self.events += other.events
        self.windows += other.windows
        self.panes += other.panes
        self.settled += other.settled
        self.lag = max(self.lag, other.lag)
        self.took += other.took

    def to_dict(self) -> dict[str, str | int | float | dict[str, int]]:
        """The JSON object; times in seconds."""
        return {
            "status": self.status,
            "detail": self.detail,
            "segments": self.segments,
            "events_folded": self.events[Added.COUNTED],
            "duplicates": self.events[Added.DUPLICATE],
            "too_late_events": self.events[Added.TOO_LATE],
            "windows": self.windows,
            "panes": {pane.value: self.panes[pane] for pane in Timing},
            "settled": self.settled,
            "lag_seconds": round(self.lag.total_seconds(), 3),
            "seconds": round(self.took.total_seconds(), 3),
        }
