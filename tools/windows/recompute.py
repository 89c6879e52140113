"""What a window should hold: the flush's own fold over the rows of realtime_features_unique. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, cast

from functions.aggregate.window import Window
from shared.clock import to_micros
from shared.windows import contribution as contributing
from shared.windows.contribution import Cells, Contribution, contribution
from shared.windows.key import WindowKey
from tools.pipeline.warehouse import Record

COLUMNS = (*contributing.COLUMNS, "is_late")
"""Of a features row: what the fold reads of it, and whether it says late."""


class Member(NamedTuple):
    """An event of a window, as its row has it."""

    event_id: str
    contribution: Contribution
    is_late: bool


@dataclass(slots=True)
class Expected:
    """One window as the rows have it: the fold of the events that are not late.

    A redelivered event may have counted by any of its arrivals, so `late_event_count` lies in a range.
    """

    window: Window = field(default_factory=Window)
    members: list[Member] = field(default_factory=list)
    least_late: int = 0
    most_late: int = 0

    @property
    def digests(self) -> list[bytes]:
        """Of the events that the window counts."""
        return [member.contribution.digest for member in self.members if not member.is_late]


def recompute(rows: Iterable[Record]) -> dict[WindowKey, Expected]:
    """The windows of these rows: COLUMNS of unique events, and their first_ and last_arrival."""
    windows: dict[WindowKey, Expected] = defaultdict(Expected)
    for row in rows:
        event = contribution(cast(Cells, row))
        _add(windows[event.key], event, row)
    return dict(windows)


def _add(expected: Expected, event: Contribution, row: Record) -> None:
    is_late, end = bool(row["is_late"]), event.key.end
    expected.members.append(Member(str(row["event_id"]), event, is_late))
    if not is_late:
        expected.window.add(event, end)
        expected.least_late += _micros(row, "first_arrival") >= end
        expected.most_late += _micros(row, "last_arrival") >= end


def _micros(row: Record, column: str) -> int:
    moment = row[column]
    assert isinstance(moment, datetime), column
    return to_micros(moment)
