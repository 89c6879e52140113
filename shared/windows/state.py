"""The documents that the flush keeps, as plain values; how Firestore holds them is the adapter's part.

Written by `aggregate` alone. `features` reads state documents only to tell whether a late event had
been counted before it came again.
"""

from dataclasses import dataclass
from datetime import datetime

from shared.windows.key import DIGEST_BYTES, WindowKey


@dataclass(frozen=True, slots=True)
class StateDocument:
    """One location's window as stored."""

    key: WindowKey
    accumulator: str
    """JSON."""
    seen: bytes
    """The digests of the events in it, one after the other, in order of arrival."""
    revision: int
    flush: int
    pane: str
    is_final: bool
    emitted_at: datetime
    expire_at: datetime
    """From when it may be deleted: long after any redelivery."""
    stored_chunks: int = 0
    """How many full chunks of `seen` are stored already; they never change."""

    def seen_digests(self) -> dict[bytes, None]:
        """The digests, in order."""
        return {self.seen[at : at + DIGEST_BYTES]: None for at in range(0, len(self.seen), DIGEST_BYTES)}


@dataclass(frozen=True, slots=True)
class Control:
    """The flush's own state: one document, and the fence of every write that a flush makes.

    `number` is the flush that began last and `emitted` the last whose panes are all written; in between
    lie panes that a dead flush left.
    """

    number: int = 0
    emitted: int = 0
    holder: str = ""
    lease_until: datetime | None = None
    open: tuple[int, ...] = ()
    """Starts of the windows whose on_time panes are not all emitted."""
    ended: tuple[int, ...] = ()
    """Starts of the windows that are past that and not settled."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One unfolded segment of the window log."""

    segment_id: str
    data: bytes
    appended_at: datetime


class FencedOut(Exception):
    """Another flush has written the control document since this one read it: this one must stop."""
