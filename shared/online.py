"""Feature values on their way to the online store, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.columns import Value


@dataclass(frozen=True, slots=True)
class OnlineFeatures:
    """New values of one entity; `generate_time` decides which value of a feature is the newest."""

    location_id: str
    generate_time: datetime
    values: Mapping[str, Value]
    """Feature name to value; a null is not written."""
