"""What the online store serves, and feature values on their way there, as plain values.

The declaration of the served features is this file's: `features` and `aggregate` write by it, and
terraform/feature_groups.json, from which the feature groups and their views are made, is generated from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from shared.tables.columns import CATEGORY_COLUMNS, DERIVED_COLUMNS, Value

_NEWEST_EVENT = ("event_type", "feature_category")
"""Say what the newest event of a location was; the other columns of an event are keys and times."""

EVENT_FEATURES: Mapping[str, tuple[str, ...]] = {
    "derived": (*_NEWEST_EVENT, *(column.name for column in DERIVED_COLUMNS)),
    **{category: tuple(column.name for column in columns) for category, columns in CATEGORY_COLUMNS.items()},
}
"""Feature group to its features, each named like its column of realtime_features: `derived`, which every
event has, and one group per category."""

EVENT_FEATURE_NAMES = frozenset(name for names in EVENT_FEATURES.values() for name in names)

WINDOW_FEATURES: Mapping[str, str] = {
    "window_event_count": "window_event_count",
    "window_late_event_count": "late_event_count",
    "window_average_risk_score": "average_risk_score",
    "window_max_risk_score": "max_risk_score",
    "window_average_complexity_score": "average_complexity_score",
    "window_max_complexity_score": "max_complexity_score",
    "window_event_type_count": "event_type_count",
    "window_feature_category_count": "feature_category_count",
}
"""Feature to its column of realtime_features_aggregated."""


class OnlineFeatures(NamedTuple):
    """New values of one entity; `generate_time` decides which value of a feature is the newest.

    A tuple, for a flush makes them by the hundred thousand.
    """

    location_id: str
    generate_time: datetime
    values: Mapping[str, Value]
    """Feature name to value; a null is not written."""


@dataclass(frozen=True, slots=True)
class Unwritten:
    """What the online store did not take: how many entries, of which times, and why in one sentence."""

    count: int
    since: datetime
    until: datetime
    """The first and the last generate_time of these entries, both inclusive."""
    reason: str

    @classmethod
    def of(cls, entries: Sequence[OnlineFeatures], reason: str) -> "Unwritten":
        """All of these, at least one."""
        times = [entry.generate_time for entry in entries]
        return cls(len(times), min(times), max(times), reason)

    def __str__(self) -> str:
        """For a dead letter: what is missing, why, and the command that heals it, in whole seconds."""
        until = self.until + timedelta(seconds=1)
        times = f"--from {self.since:%Y-%m-%dT%H:%M:%SZ} --to {until:%Y-%m-%dT%H:%M:%SZ}"
        entries = "1 entry is" if self.count == 1 else f"{self.count:,} entries are"
        return f"{entries} not in the online store ({self.reason}): heal them with cqc heal-online {times}"


class OnlineStore(Protocol):
    """The feature view; shared/gcp/feature_store.py has the real one."""

    async def write(self, entries: Sequence[OnlineFeatures]) -> Unwritten | None:
        """What is not written after retries, None when all is; does not raise."""
