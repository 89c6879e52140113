"""What a window should hold: the flush's own fold over the rows of realtime_features_unique. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from functions.aggregate.window import Window
from shared.clock import to_micros
from shared.windows.contribution import Cells, Contribution, contribution
from shared.windows.key import WindowKey
from tools.pipeline.warehouse import Record

COLUMNS = (
    "event_id",
    "location_id",
    "event_type",
    "feature_category",
    "event_timestamp",
    "publish_timestamp",
    "processing_timestamp",
    "is_late",
    "real_time_risk_score",
    "event_complexity_score",
    "rating_change_direction",
    "enforcement_action_taken",
    "inspector_count",
    "follow_up_required",
    "inspection_priority",
    "alert_severity",
    "safeguarding_concern",
    "repeat_violation",
    "capacity_change",
    "page_views",
)
"""What the fold reads of a features row, and whether it says late."""


@dataclass(slots=True)
class Expected:
    """One window as the rows have it.

    A redelivered event may have counted by any of its arrivals, so `late_event_count` lies in a range.
    """

    window: Window = field(default_factory=Window)
    digests: list[bytes] = field(default_factory=list)
    least_late: int = 0
    most_late: int = 0
    too_late: int = 0
    """Rows that say is_late: no pane may count them."""


def recompute(rows: Iterable[Record]) -> dict[WindowKey, Expected]:
    """The windows of these rows: COLUMNS of unique events, and their first_ and last_arrival."""
    by_window: dict[WindowKey, list[tuple[Contribution, Record]]] = defaultdict(list)
    for row in rows:
        one = contribution(cast(Cells, row))
        by_window[one.key].append((one, row))
    return {key: _fold(key, members) for key, members in by_window.items()}


def _fold(key: WindowKey, members: Sequence[tuple[Contribution, Record]]) -> Expected:
    expected = Expected()
    for one, row in members:
        if row["is_late"]:
            expected.too_late += 1
            continue
        expected.window.add(one, key.end)
        expected.digests.append(one.digest)
        expected.least_late += _micros(row, "first_arrival") >= key.end
        expected.most_late += _micros(row, "last_arrival") >= key.end
    return expected


def _micros(row: Record, column: str) -> int:
    moment = row[column]
    assert isinstance(moment, datetime), column
    return to_micros(moment)
