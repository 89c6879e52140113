"""What one event gives to its window. Pure: from its row of realtime_features, fresh or read back."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from shared.clock import to_micros
from shared.tables.columns import Value
from shared.windows.key import WindowKey, digest, window_of

Cells = Mapping[str, Value]

MAX_SUMS = 3


class Contribution(NamedTuple):
    """All that a window keeps of an event; a tuple, for they are made by the hundred thousand."""

    location_id: str
    digest: bytes
    event_micros: int
    arrival_micros: int
    """When Pub/Sub took the producer's message; fixed across redeliveries."""
    event_type: str
    category: str
    risk_score: int
    complexity_score: int
    sum_1: int
    sum_2: int
    sum_3: int
    """The category's own counts, in the order of SUMS; 0 where it has fewer."""

    @property
    def key(self) -> WindowKey:
        return WindowKey(window_of(self.event_micros), self.location_id)


class Sum(NamedTuple):
    """What an event adds to a sum of its category: `count` of the column's value."""

    column: str
    count: Callable[[Value], int]


def _integer(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _flag(column: str) -> Sum:
    return Sum(column, lambda value: 1 if value else 0)


def _amount(column: str) -> Sum:
    return Sum(column, _integer)


def _equals(column: str, wanted: str) -> Sum:
    return Sum(column, lambda value: 1 if value == wanted else 0)


SUMS: Mapping[str, Mapping[str, Sum]] = {
    "inspection": {
        "total_inspector_count": _amount("inspector_count"),
        "follow_ups_required": _flag("follow_up_required"),
        "high_priority_inspections": _equals("inspection_priority", "high"),
    },
    "rating": {
        "rating_improvements": _equals("rating_change_direction", "improved"),
        "rating_declines": _equals("rating_change_direction", "declined"),
        "enforcement_actions": _flag("enforcement_action_taken"),
    },
    "capacity": {"net_capacity_change": _amount("capacity_change")},
    "compliance": {
        "high_severity_alerts": _equals("alert_severity", "high"),
        "safeguarding_concerns": _flag("safeguarding_concern"),
        "repeat_violations": _flag("repeat_violation"),
    },
    "interaction": {"total_page_views": _amount("page_views")},
    "generic": {},
}
"""Per category, the members that aggregated_features adds to `count` and `latest_timestamp`, and what an
event adds to each."""

_COUNTS = {category: tuple(sums.values()) for category, sums in SUMS.items()}
_PADDING = (0,) * MAX_SUMS

COLUMNS = (
    "event_id",
    "location_id",
    "event_type",
    "feature_category",
    "event_timestamp",
    "publish_timestamp",
    "processing_timestamp",
    "real_time_risk_score",
    "event_complexity_score",
    *dict.fromkeys(each.column for sums in SUMS.values() for each in sums.values()),
)
"""What `contribution` reads of a row."""


def contribution(row: Cells) -> Contribution:
    """The contribution of the event that this row is of."""
    location_id, category = str(row["location_id"]), str(row["feature_category"])
    arrival = row["publish_timestamp"] or row["processing_timestamp"]
    sums = tuple(count(row[column]) for column, count in _COUNTS[category]) + _PADDING
    return Contribution(
        location_id,
        digest(location_id, str(row["event_id"])),
        _micros(row["event_timestamp"]),
        _micros(arrival),
        str(row["event_type"]),
        category,
        _integer(row["real_time_risk_score"]),
        _integer(row["event_complexity_score"]),
        sums[0],
        sums[1],
        sums[2],
    )


def _micros(value: Value) -> int:
    if not isinstance(value, datetime):
        raise TypeError(f"expected a time, got {value!r}")
    return to_micros(value)
