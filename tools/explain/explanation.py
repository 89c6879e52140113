"""What is known about one event, as values: its rows, its window's panes, what is served. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from shared.tables.columns import CATEGORY_COLUMNS, DERIVED_COLUMNS
from shared.windows.key import WindowKey
from tools.explain.in_flight import InFlight
from tools.pipeline.online_store import OnlineValue
from tools.pipeline.side_by_side import Missing
from tools.pipeline.warehouse import Record

READING = timedelta(seconds=10)
"""A pane is dated when its flush begins, which then reads on for so long at most: 10 s at the largest size
that is measured."""


@dataclass(frozen=True, slots=True)
class WindowShare:
    """The event's window, and what its panes and the flush say of the event."""

    key: WindowKey
    panes: Sequence[Record]
    """By revision."""
    stored: datetime
    """When the event can have been stored at the earliest."""
    is_late: bool
    """Its row says so."""
    is_counted: bool
    is_kept: bool
    """Whether the window still knows which events it counted: not a week after it was settled."""
    is_settled: bool
    watermark: datetime | None
    """Up to when the flush has read the log; None before its first run."""

    def candidates(self) -> list[Record]:
        """The panes in which the event can have shown first: of those that came after it and count more
        events than the pane before."""
        if not self.is_counted:
            return []
        counts = [0, *(_count(pane) for pane in self.panes)]
        return [
            pane
            for pane, (before, now) in zip(self.panes, pairwise(counts), strict=True)
            if now > before and _dated(pane) >= self.stored - READING
        ]

    def counts_the_event(self, pane: Record) -> bool | None:
        """None where it can't be told."""
        candidates = self.candidates()
        if not candidates or _revision(pane) < _revision(candidates[0]):
            return False
        return True if _revision(pane) >= _revision(candidates[-1]) else None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`rows` holds the row that counts first, then those of redeliveries and replays."""

    event_id: str
    rows: Sequence[Record]
    failures: Sequence[Record]
    replays: Sequence[Record]
    in_flight: Sequence[InFlight] | Missing = ()
    window: WindowShare | Missing | None = None
    served: Sequence[OnlineValue] | Missing = field(default_factory=tuple)

    @property
    def event_time(self) -> datetime | None:
        return time_in(self.rows[0], "event_timestamp") if self.rows else None

    def served_values(self) -> list[OnlineValue]:
        """The features that the online store serves from this very event.

        Two events of a location may have the same time, so the value must match the row's as well.
        """
        if not self.rows or isinstance(self.served, Missing):
            return []
        row = self.rows[0]
        names = {"event_type", "feature_category", *(column.name for column in DERIVED_COLUMNS)}
        names |= {column.name for column in CATEGORY_COLUMNS.get(str(row["feature_category"]), ())}
        return [
            value
            for value in self.served
            if value.generate_time == self.event_time
            and value.name in names
            and value.value == row[value.name]
        ]

    def timeline(self) -> list[tuple[str, datetime, float | None]]:
        """What happened when, and the seconds since the step before, as far as known."""
        if not self.rows:
            return []
        row = self.rows[0]
        steps = [
            ("happened, says its producer", time_in(row, "event_timestamp")),
            ("published", time_in(row, "publish_timestamp")),
            ("parsed", time_in(row, "processing_timestamp")),
        ]
        candidates = self.window.candidates() if isinstance(self.window, WindowShare) else []
        if candidates:
            last = candidates[-1]
            at_latest = "" if len(candidates) == 1 else " at the latest"
            counted = f"counted, in pane {last['revision']} of its window{at_latest}"
            steps.append((counted, time_in(last, "aggregation_timestamp")))
        known = [(step, at) for step, at in steps if at is not None]
        before = [None, *(at for _, at in known)]
        return [
            (step, at, None if earlier is None else (at - earlier).total_seconds())
            for (step, at), earlier in zip(known, before, strict=False)
        ]


def time_in(record: Record, column: str) -> datetime | None:
    value = record[column]
    return value if isinstance(value, datetime) else None


def _count(pane: Record) -> int:
    count = pane["window_event_count"]
    return count if isinstance(count, int) else 0


def _revision(pane: Record) -> int:
    revision = pane["revision"]
    return revision if isinstance(revision, int) else 0


def _dated(pane: Record) -> datetime:
    at = time_in(pane, "aggregation_timestamp")
    assert at is not None, "the column is required"
    return at
