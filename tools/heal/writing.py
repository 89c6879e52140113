"""Values on their way to the online store, in batches of a few hundred locations."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from shared.online import OnlineFeatures, OnlineStore, Unwritten

LOCATIONS = 300
"""A batch's: a request of some 300 kB."""


@dataclass(slots=True)
class Healed:
    """What was written, and what was not."""

    locations: set[str] = field(default_factory=set)
    """Those of the batches that were written whole."""
    unwritten: list[Unwritten] = field(default_factory=list)
    is_complete: bool = True
    """False when the store took nothing of a batch: the rest was not tried."""


async def write(values: Iterable[OnlineFeatures], store: OnlineStore | None) -> Healed:
    """Writes all values until the store takes nothing of a batch; without a store it only counts."""
    healed = Healed()
    for batch in _batches(values):
        missing = None if store is None else await store.write(batch)
        if missing is None:
            healed.locations |= {entry.location_id for entry in batch}
            continue
        healed.unwritten.append(missing)
        if missing.count == len(batch):
            healed.is_complete = False
            return healed
    return healed


def _batches(values: Iterable[OnlineFeatures]) -> Iterator[list[OnlineFeatures]]:
    """Whole locations, so that only the newest value of each feature goes out."""
    batch: list[OnlineFeatures] = []
    locations = 0
    for _, own in groupby(values, key=attrgetter("location_id")):
        if locations == LOCATIONS:
            yield batch
            batch, locations = [], 0
        batch += own
        locations += 1
    if batch:
        yield batch
