"""What a window should hold: the flush's own fold over the rows of realtime_features_unique. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from functions.aggregate.accumulator import Accumulator
from functions.features.contribution import SUMS
from shared.clock import to_micros
from shared.tables.columns import Value
from shared.windows.key import WindowKey
from shared.windows.log import Contribution

Record = Mapping[str, object]
"""Column to value."""

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
"""What the fold reads of a features row."""


@dataclass(slots=True)
class Expected:
    """One window as the rows have it.

    A redelivered event may have counted by any of its arrivals, so `late_event_count` lies in a range.
    """

    accumulator: Accumulator = field(default_factory=Accumulator)
    event_ids: list[str] = field(default_factory=list)
    least_late: int = 0
    most_late: int = 0


def recompute(rows: Iterable[Record]) -> dict[WindowKey, Expected]:
    """The windows of these rows: COLUMNS of unique events that are not late, and first_ and last_arrival."""
    by_window: dict[WindowKey, list[tuple[Contribution, Record]]] = defaultdict(list)
    for row in rows:
        one = contribution_of(row)
        by_window[one.key].append((one, row))
    return {key: _fold(key, members) for key, members in by_window.items()}


def _fold(key: WindowKey, members: Sequence[tuple[Contribution, Record]]) -> Expected:
    expected = Expected()
    for one, row in sorted(members, key=lambda pair: (pair[0].arrival_micros, pair[0].event_id)):
        expected.accumulator.add(one)
        expected.event_ids.append(one.event_id)
        expected.least_late += _micros(row, "first_arrival") >= key.end
        expected.most_late += _micros(row, "last_arrival") >= key.end
    return expected


def contribution_of(row: Record) -> Contribution:
    """What the row's event gave to its window."""
    values: Mapping[str, Value] = {name: row[name] for name in COLUMNS}  # type: ignore[misc]  # cells of a row
    category = str(row["feature_category"])
    arrival = "publish_timestamp" if row["publish_timestamp"] is not None else "processing_timestamp"
    return Contribution(
        event_id=str(row["event_id"]),
        location_id=str(row["location_id"]),
        event_micros=_micros(row, "event_timestamp"),
        arrival_micros=_micros(row, arrival),
        event_type=str(row["event_type"]),
        category=category,
        risk_score=_integer(row["real_time_risk_score"]),
        complexity_score=_integer(row["event_complexity_score"]),
        sums={name: amount for name, count in SUMS[category].items() if (amount := count(values))},
    )


def _micros(row: Record, column: str) -> int:
    moment = row[column]
    assert isinstance(moment, datetime), column
    return to_micros(moment)


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0
