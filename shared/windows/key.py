"""Event-time windows: 5 minutes, per location, aligned to the epoch.

All times here are microseconds since the epoch: they are compared and kept by the hundred thousand.
"""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b

from shared.clock import micros_of

WINDOW_MICROS = 5 * 60 * 1_000_000
DIGEST_BYTES = 16
"""128 bits: among the 60,000 ids of a busy location's window a collision has odds of 1 in 10^29."""


@dataclass(frozen=True, slots=True, order=True)
class WindowKey:
    """One location's window; `start` is its first microsecond, its end is exclusive."""

    start: int
    location_id: str

    @property
    def end(self) -> int:
        return self.start + WINDOW_MICROS


def window_of(event_micros: int) -> int:
    """The start of the window that holds this event time (also before 1970)."""
    return event_micros - event_micros % WINDOW_MICROS


def closes_at(start: int, allowed_lateness: timedelta) -> int:
    """From when on an event is too late for the window that begins at `start`."""
    return start + WINDOW_MICROS + micros_of(allowed_lateness)


def digest(location_id: str, event_id: str) -> bytes:
    """The identity of an event as the windows remember it; the length tells where the location ends."""
    return blake2b(f"{len(location_id)}:{location_id}{event_id}".encode(), digest_size=DIGEST_BYTES).digest()
