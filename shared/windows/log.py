"""The window log: what `features` writes down for the flush, in slices of 10 seconds.

    window_log/{slice}-{uuid}    one segment; `slice` is the second at which it begins, on the writer's clock

A slice is sealed SEAL after its end, on the database's clock. A segment counts if and only if the database
created it before its slice was sealed: that is a function of the document alone, which the writer asks for
its answer and the flush for its fold. So no client's clock is trusted: a slow one makes retries, a fast one
delays. docs/decisions/0002 has the argument.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from shared.clock import micros_of, to_micros
from shared.errors import Retry
from shared.windows.contribution import Contribution
from shared.windows.documents import EXPIRY, NEW, Conflict, Document, Documents, Write
from shared.windows.key import WINDOW_MICROS
from shared.windows.segment import MAX_EVENTS, encode
from shared.windows.state import Control, Generation

COLLECTION = "window_log"
SECOND = 1_000_000
SLICE = 10 * SECOND
"""Microseconds. Of the order of the time between two listings: what is not sealed yet is read again at the
next flush."""
SEAL = 10 * SECOND
"""Microseconds. For a commit under way and for clocks; a segment that is stored later does not count and its
events are sent again."""
MAX_LOGGING_DELAY = timedelta(seconds=20)
"""From judging an event timely to its slice; longer and it is judged again. The look-up of late events (8 s)
and the rows (10 s, in which a batch also waits for the other one in flight) fit."""
_DIGITS = 12
KEEP = timedelta(days=7)
"""As long as Pub/Sub keeps a message: a flush that is away for longer loses what it has not read."""


def slice_of(micros: int) -> int:
    """The start of the slice that holds this time."""
    return micros - micros % SLICE


def sealed_before(now: int) -> int:
    """Every slice that begins before this is sealed at `now`."""
    return slice_of(now - SEAL)


def segment_id(micros: int, unique: str) -> str:
    """The id of a segment written at this time: ids sort by their slices."""
    return f"{slice_of(micros) // SECOND:0{_DIGITS}d}-{unique}"


def slice_in(segment_id: str) -> int:
    """The slice that an id names; raises ValueError for an id that is not a segment's.

    Twelve digits, no fewer: ids sort by their slices, and the cursor must not go past any.
    """
    seconds, dash, _ = segment_id.partition("-")
    if not (dash and len(seconds) == _DIGITS and seconds.isascii() and seconds.isdecimal()):
        raise ValueError(f"{segment_id} is not the id of a segment")
    return int(seconds) * SECOND


def counts(document: Document) -> bool:
    """Whether the database created the segment before its slice was sealed."""
    return document.created_at < slice_in(document.id) + SLICE + SEAL


def settled_before(watermark: int, allowed_lateness: timedelta) -> int:
    """No event that was timely for a window that begins before this can be in what is not folded yet."""
    return watermark - WINDOW_MICROS - micros_of(allowed_lateness + MAX_LOGGING_DELAY)


def is_retired(generation: Generation, control: Control) -> bool:
    """Whether a shard of this generation has had its last window; the newest has no last one."""
    last = generation.until - WINDOW_MICROS
    return not (control.windows or control.pending) and control.has_settled(last)


def unique_id() -> str:
    """Makes the ids of segments; passed in, so that a test can repeat itself."""
    return uuid4().hex


class LogWriter:
    """The hot path's side: append only; no read, no contention, any number of instances."""

    def __init__(self, documents: Documents, unique: Callable[[], str] = unique_id) -> None:
        self._documents = documents
        self._unique = unique

    async def append(self, contributions: Sequence[Contribution], judged: datetime, now: datetime) -> None:
        """Stores a segment (more of an outsized batch) and returns when it is durable and counts.

        `judged` is when its events were found timely, on the same clock as `now`. Raises Retry when the
        segment does not count, or when nobody knows.
        """
        if now - judged > MAX_LOGGING_DELAY:
            raise Retry(
                f"{now - judged} went by before the events could be logged, more than {MAX_LOGGING_DELAY}: "
                "they are judged again"
            )
        written = to_micros(now)
        expiry = written + micros_of(KEEP)
        writes = [
            Write(f"{COLLECTION}/{segment_id(written, self._unique())}", encode(part) | {EXPIRY: expiry}, NEW)
            for part in _parts(contributions)
        ]
        created = await self._create(writes)
        if created >= slice_of(written) + SLICE + SEAL:
            raise Retry(
                "the window log took the events after their slice was sealed: they do not count and are "
                "sent again; if this goes on, this instance's clock is slow"
            )

    async def _create(self, writes: Sequence[Write]) -> int:
        """The time at which the documents came to be.

        When the answer of a commit is lost and it is tried again, the second try finds the documents.
        """
        try:
            return (await self._documents.commit(writes)).at
        except Conflict:
            found = await self._documents.read([write.name for write in writes])
            if len(found.documents) < len(writes):
                raise Retry("a segment of the window log was there and is gone") from None
            return max(document.created_at for document in found.documents.values())


def _parts(contributions: Sequence[Contribution]) -> Iterator[Sequence[Contribution]]:
    return (contributions[at : at + MAX_EVENTS] for at in range(0, len(contributions), MAX_EVENTS))
