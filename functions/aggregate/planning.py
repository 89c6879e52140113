"""What a round has to do: which windows there are, and which of their buckets to look at. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from functions.aggregate.log_reader import ByLocation, Sorted
from functions.aggregate.triggers import Progress
from shared.windows.state import (
    EVER,
    Bucket,
    Control,
    Generation,
    OpenWindow,
    Shard,
    bucket_of,
    level_for,
    location_hash,
)

GROUP = 16
"""Buckets loaded, saved and emitted together: about 7,000 locations, 2 MB."""
GROUP_EVENTS = 400_000
"""Events that the buckets of a group count, or one bucket more: 42 MB of digests."""

Work = Mapping[Bucket, ByLocation]
"""The buckets to look at, and the events that go to each."""


@dataclass(slots=True)
class Locations:
    """The locations of one shard; remembers their hashes, which cost a microsecond each."""

    shard: Shard
    generation: Generation
    _hashes: dict[str, int] = field(default_factory=dict)

    def are_ours(self, settled_before: int, start: int, location_id: str) -> bool:
        """Whether the location's events in the window that begins at `start` are this shard's work.

        The newest shards also have what comes for windows that older ones have settled: those may read the
        log no more.
        """
        is_newest = self.generation.until == EVER
        is_ours = start in self.generation or (is_newest and start < settled_before)
        return is_ours and (self.shard.of == 1 or self.shard.holds(self._hash(location_id)))

    def bucket(self, location_id: str, level: int) -> int:
        """The number of its bucket in a window of 2^level buckets."""
        return bucket_of(self._hash(location_id), level)

    def _hash(self, location_id: str) -> int:
        hashed = self._hashes.get(location_id)
        if hashed is None:
            hashed = self._hashes[location_id] = location_hash(location_id)
        return hashed


def windows_with_births(found: Sorted, control: Control) -> dict[int, OpenWindow]:
    """The open windows and those that these events begin, whose number of buckets is fixed here.

    Events of a window that was settled before go from `found.events` to `found.too_late`.
    """
    windows = dict(control.windows)
    for start in sorted(found.events.keys() - windows.keys()):
        if control.has_settled(start):
            found.too_late[start] = found.events.pop(start)
            continue
        windows[start] = OpenWindow(_level(found.events[start], _before(start, windows), control))
    return windows


def _before(start: int, windows: Mapping[int, OpenWindow]) -> list[OpenWindow]:
    """The newest window before this one, and the newest that has ended: where a producer's clock is fast, its
    events begin each window while the one before is nearly empty, too."""
    earlier = [other for other in sorted(windows) if other < start]
    ended = [other for other in earlier if windows[other].has_ended]
    return [windows[other] for other in (*earlier[-1:], *ended[-1:])]


def _level(born: ByLocation, before: Sequence[OpenWindow], control: Control) -> int:
    """The level of a window that these events begin."""
    locations = [window.locations for window in before] or [control.locations]
    events = [window.events for window in before] or [control.events]
    return level_for(max(len(born), *locations), max(sum(map(len, born.values())), *events))


def work_of(
    events: Mapping[int, ByLocation],
    windows: Mapping[int, OpenWindow],
    control: Control,
    progress: Progress,
    locations: Locations,
) -> Work:
    """Every bucket that events go to, and all buckets of windows that owe panes by time alone, in order."""
    work: dict[Bucket, ByLocation] = {}
    for start, window in control.windows.items():
        if progress.is_settled(start) or (progress.has_ended(start) and not window.has_ended):
            work |= {(start, number): {} for number in range(1 << window.level)}
    for start, by_location in events.items():
        level = windows[start].level
        for location_id, contributions in by_location.items():
            bucket = (start, locations.bucket(location_id, level))
            work.setdefault(bucket, {})[location_id] = contributions
    return dict(sorted(work.items()))


def groups_of(work: Work, windows: Mapping[int, OpenWindow]) -> list[Work]:
    """The work in groups of up to GROUP buckets, fewer where these count more than GROUP_EVENTS."""
    groups: list[dict[Bucket, ByLocation]] = []
    held = 0
    for bucket, events in work.items():
        window = windows.get(bucket[0], _UNKNOWN)
        holds = (window.events >> window.level) + sum(map(len, events.values()))
        if not groups or len(groups[-1]) == GROUP or held + holds > GROUP_EVENTS:
            groups.append({})
            held = 0
        groups[-1][bucket] = events
        held += holds
    return list(groups)


_UNKNOWN = OpenWindow(0)
