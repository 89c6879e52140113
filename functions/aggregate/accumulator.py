"""The fold of one window: initialize, add, result. Pure, and the same whatever the order of the events.

Every part is a sum, a maximum or a union, so folding is commutative and associative; sums are whole
numbers, so averages do not depend on the order either. Telling duplicates is the caller's part.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.clock import from_micros
from shared.tables.columns import Row, Value
from shared.windows.key import WINDOW_MICROS, window_of
from shared.windows.log import Contribution

MAX_EVENT_TYPES = 1_000
"""Distinct type names kept per window (the alphabetically first): a producer that makes names up must not
grow an accumulator past Firestore's 1 MiB a document. 1,000 names of 128 characters are 0.5 MB at most."""
_INT64_MAX = 2**63 - 1

SUM_NAMES: Mapping[str, tuple[str, ...]] = {
    "rating": ("rating_improvements", "rating_declines", "enforcement_actions"),
    "inspection": ("total_inspector_count", "follow_ups_required", "high_priority_inspections"),
    "compliance": ("high_severity_alerts", "safeguarding_concerns", "repeat_violations"),
    "capacity": ("net_capacity_change",),
    "interaction": ("total_page_views",),
    "generic": (),
}
"""The members that aggregated_features adds to `count` and `latest_timestamp`, per category."""


@dataclass(slots=True)
class CategoryTotals:
    """One feature category's share of a window."""

    count: int = 0
    latest_micros: int | None = None
    sums: dict[str, int] = field(default_factory=dict)

    def add(self, one: Contribution) -> None:
        self.count += 1
        self.latest_micros = _latest(self.latest_micros, one.event_micros)
        for name, amount in one.sums.items():
            self.sums[name] = self.sums.get(name, 0) + amount


@dataclass(slots=True)
class Accumulator:
    """What a window holds so far; a new one is the empty fold."""

    count: int = 0
    late_count: int = 0
    event_types: set[str] = field(default_factory=set)
    categories: dict[str, CategoryTotals] = field(default_factory=dict)
    risk_sum: int = 0
    risk_max: int = 0
    complexity_sum: int = 0
    complexity_max: int = 0
    latest_micros: int | None = None

    def add(self, one: Contribution) -> None:
        """Folds in one event that is not in it yet."""
        self.count += 1
        if one.arrival_micros >= window_of(one.event_micros) + WINDOW_MICROS:
            self.late_count += 1
        if one.event_type not in self.event_types:
            self.event_types.add(one.event_type)
            if len(self.event_types) > MAX_EVENT_TYPES:
                self.event_types.remove(max(self.event_types))
        self.categories.setdefault(one.category, CategoryTotals()).add(one)
        self.risk_sum += one.risk_score
        self.risk_max = max(self.risk_max, one.risk_score)
        self.complexity_sum += one.complexity_score
        self.complexity_max = max(self.complexity_max, one.complexity_score)
        self.latest_micros = _latest(self.latest_micros, one.event_micros)

    def result(self) -> Row:
        """The columns of realtime_features_aggregated that the fold decides."""
        return {
            "window_event_count": self.count,
            "late_event_count": self.late_count,
            "unique_event_types": sorted(self.event_types),
            "unique_feature_categories": sorted(self.categories),
            "average_risk_score": self.risk_sum / self.count if self.count else None,
            "max_risk_score": self.risk_max if self.count else None,
            "average_complexity_score": self.complexity_sum / self.count if self.count else None,
            "max_complexity_score": self.complexity_max if self.count else None,
            "latest_event_timestamp": None if self.latest_micros is None else from_micros(self.latest_micros),
            "event_type_count": len(self.event_types),
            "feature_category_count": len(self.categories),
            "aggregated_features": self._per_category(),
        }

    def _per_category(self) -> Value:
        return json.dumps(
            {
                category: {
                    "count": totals.count,
                    "latest_timestamp": _iso(totals.latest_micros),
                    **{name: _int64(totals.sums.get(name, 0)) for name in SUM_NAMES[category]},
                }
                for category, totals in sorted(self.categories.items())
            }
        )

    def to_json(self) -> str:
        """The state as text. The standard library's JSON: sums may outgrow the 64 bits that orjson writes."""
        return json.dumps(
            {
                "count": self.count,
                "late_count": self.late_count,
                "event_types": sorted(self.event_types),
                "categories": {
                    name: [totals.count, totals.latest_micros, totals.sums]
                    for name, totals in self.categories.items()
                },
                "risk": [self.risk_sum, self.risk_max],
                "complexity": [self.complexity_sum, self.complexity_max],
                "latest": self.latest_micros,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> "Accumulator":
        """The inverse of `to_json`."""
        state = json.loads(text)
        return cls(
            count=state["count"],
            late_count=state["late_count"],
            event_types=set(state["event_types"]),
            categories={name: CategoryTotals(*totals) for name, totals in state["categories"].items()},
            risk_sum=state["risk"][0],
            risk_max=state["risk"][1],
            complexity_sum=state["complexity"][0],
            complexity_max=state["complexity"][1],
            latest_micros=state["latest"],
        )


def _latest(one: int | None, other: int) -> int:
    return other if one is None or other > one else one


def _iso(micros: int | None) -> str | None:
    return None if micros is None else from_micros(micros).isoformat()


def _int64(total: int) -> int:
    """BigQuery's JSON refuses what it can't keep exactly: a total beyond 64 bits stops at the end."""
    return max(-_INT64_MAX, min(_INT64_MAX, total))
