"""What is known about one event, as values: its rows, its window's panes, what is served. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.tables.columns import CATEGORY_COLUMNS, DERIVED_COLUMNS
from shared.windows.key import WindowKey
from tools.pipeline.online_store import OnlineValue

Record = Mapping[str, object]
"""Column to value."""


@dataclass(frozen=True, slots=True)
class WindowShare:
    """The event's window, and its position among the window's events."""

    key: WindowKey
    panes: Sequence[Record]
    position: int | None
    """How many events were counted before it; None where the accumulator does not hold it."""
    is_kept: bool
    """Whether there is an accumulator: none before the first flush, none a week after the last pane."""

    def counted_in(self, pane: Record) -> bool:
        """A window only grows, in the order in which its events were counted."""
        count = pane["window_event_count"]
        return self.position is not None and isinstance(count, int) and count > self.position

    def first_counted(self) -> Record | None:
        """The first pane that holds the event."""
        return next((pane for pane in self.panes if self.counted_in(pane)), None)


@dataclass(frozen=True, slots=True)
class Explanation:
    """`rows` holds the row that counts first, then those of redeliveries and replays."""

    event_id: str
    rows: Sequence[Record]
    failures: Sequence[Record]
    replays: Sequence[Record]
    window: WindowShare | None = None
    served: Sequence[OnlineValue] = field(default_factory=tuple)

    @property
    def event_time(self) -> datetime | None:
        return time_in(self.rows[0], "event_timestamp") if self.rows else None

    def served_values(self) -> list[OnlineValue]:
        """The features that the online store serves from this very event.

        Two events of a location may have the same time, so the value must match the row's as well.
        """
        if not self.rows:
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
        pane = self.window.first_counted() if self.window else None
        if pane is not None:
            counted = f"counted, in pane {pane['revision']} of its window"
            steps.append((counted, time_in(pane, "aggregation_timestamp")))
        known = [(step, at) for step, at in steps if at is not None]
        before = [None, *(at for _, at in known)]
        return [
            (step, at, None if earlier is None else (at - earlier).total_seconds())
            for (step, at), earlier in zip(known, before, strict=False)
        ]


def time_in(record: Record, column: str) -> datetime | None:
    value = record[column]
    return value if isinstance(value, datetime) else None
