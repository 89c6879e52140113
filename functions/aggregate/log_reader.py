"""A page of the window log: its segments, decoded and sorted by window and location."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.telemetry.logs import log
from shared.windows.contribution import Contribution
from shared.windows.documents import Document, Documents, Unreadable
from shared.windows.key import WINDOW_MICROS, window_of
from shared.windows.log import COLLECTION, counts, slice_in
from shared.windows.segment import decode, events_in

MAX_EVENTS = 150_000
"""A round's share of the log, at 1,000 events a second two and a half minutes of it. In memory 95 MB, by
tracemalloc and in segments of 80: 43 MB as segments, 52 MB as events."""
LISTED = 300
"""Segments asked for at once: a few MB."""

ByLocation = dict[str, list[Contribution]]


@dataclass(frozen=True, slots=True)
class Page:
    """The segments behind a position, in the order of their ids."""

    segments: Sequence[Document]
    at_end: bool
    """Nothing was behind them when they were listed."""
    position: str
    """The id of the last one."""
    cursor: str
    """The id of the last one in a sealed slice: what stands up to it never changes."""
    watermark: int
    """Every slice that begins before it is sealed, and read."""


async def read_page(documents: Documents, position: str, cursor: str, sealed_before: int) -> Page:
    """What is behind `position`, up to about MAX_EVENTS events; raises Retry.

    `sealed_before` comes from a time that was read before anything was listed (shared/windows/log.py).
    """
    found: list[Document] = []
    events, at_end = 0, False
    while events < MAX_EVENTS and not at_end:
        listed = await documents.list(COLLECTION, position, LISTED)
        at_end = not listed
        found += listed
        events += sum(map(events_in, listed))
        position = listed[-1].id if listed else position
    slices = [(begins, document) for document in found if (begins := _slice(document)) is not None]
    for begins, document in slices:
        if begins < sealed_before:
            cursor = document.id
    reached = sealed_before if at_end else min(sealed_before, slices[-1][0] if slices else 0)
    return Page([document for _, document in slices], at_end, position, cursor, reached)


def _slice(document: Document) -> int | None:
    try:
        return slice_in(document.id)
    except ValueError:
        log.warning("%s is not a segment of the window log: remove it", document.name)
        return None


@dataclass(slots=True)
class Sorted:
    """A page's events by window and location, and the segments that could not be read."""

    events: dict[int, ByLocation] = field(default_factory=dict)
    unreadable: list[tuple[Document, Unreadable]] = field(default_factory=list)
    too_late: dict[int, ByLocation] = field(default_factory=dict)
    """Of windows that were settled before; the flush finds them out."""

    @property
    def too_late_events(self) -> int:
        return sum(len(events) for by_location in self.too_late.values() for events in by_location.values())


def sort(segments: Sequence[Document], is_ours: Callable[[int, str], bool]) -> Sorted:
    """The events of the segments that count, of those windows and locations that are ours."""
    found = Sorted()
    for segment in segments:
        if not counts(segment):
            continue
        try:
            contributions = list(decode(segment.fields))
        except Unreadable as error:
            found.unreadable.append((segment, error))
            continue
        _add(contributions, found.events, is_ours)
    found.events = {start: by_location for start, by_location in found.events.items() if by_location}
    return found


def _add(
    contributions: Sequence[Contribution],
    events: dict[int, ByLocation],
    is_ours: Callable[[int, str], bool],
) -> None:
    start = end = 0
    by_location: ByLocation = {}
    for event in contributions:
        if not start <= event.event_micros < end:  # seldom: most are of the same window as the one before
            start = window_of(event.event_micros)
            end = start + WINDOW_MICROS
            by_location = events.setdefault(start, {})
        same = by_location.get(event.location_id)
        if same is not None:
            same.append(event)
        elif is_ours(start, event.location_id):
            by_location[event.location_id] = [event]
