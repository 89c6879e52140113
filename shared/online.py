"""Feature values on their way to the online store, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.tables.columns import Value


@dataclass(frozen=True, slots=True)
class OnlineFeatures:
    """New values of one entity; `generate_time` decides which value of a feature is the newest."""

    location_id: str
    generate_time: datetime
    values: Mapping[str, Value]
    """Feature name to value; a null is not written."""


class OnlineStore(Protocol):
    """The feature view; shared/gcp/feature_store.py has the real one."""

    async def write(self, entries: Sequence[OnlineFeatures]) -> Sequence[str | None]:
        """Per entry why it failed, after retries, or None; does not raise."""
