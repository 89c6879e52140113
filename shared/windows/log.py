"""What the hot path writes down for the windows: one immutable segment a batch of events.

A segment is a JSON list of contributions, each a list of its fields in order. Appending is all that
`features` does; folding, and telling duplicates, is the flush's part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from shared.windows.key import WindowKey, window_of


@dataclass(frozen=True, slots=True)
class Contribution:
    """All that one event gives to its window."""

    event_id: str
    location_id: str
    event_micros: int
    arrival_micros: int
    """When Pub/Sub took the producer's message; fixed across redeliveries."""
    event_type: str
    category: str
    risk_score: int
    complexity_score: int
    sums: Mapping[str, int]
    """The category's own counts, such as `total_inspector_count`; zeros are left out."""

    @property
    def key(self) -> WindowKey:
        return WindowKey(window_of(self.event_micros), self.location_id)


def encode_segment(contributions: Iterable[Contribution]) -> bytes:
    """One segment, about 150 bytes a contribution."""
    return orjson.dumps(
        [
            (
                one.event_id,
                one.location_id,
                one.event_micros,
                one.arrival_micros,
                one.event_type,
                one.category,
                one.risk_score,
                one.complexity_score,
                one.sums,
            )
            for one in contributions
        ]
    )


def decode_segment(data: bytes) -> list[Contribution]:
    """The inverse of `encode_segment`; raises ValueError or TypeError on what is none."""
    return [Contribution(*fields) for fields in orjson.loads(data)]
