"""Event-time windows: 5 minutes, per location, aligned to the epoch.

All times here are microseconds since the epoch: they are compared and kept by the hundred thousand.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from shared.clock import to_micros

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


def too_late(event_micros: int, now: datetime, allowed_lateness: timedelta) -> bool:
    """Whether the event's window takes no more events at `now`."""
    return to_micros(now - allowed_lateness) > window_of(event_micros) + WINDOW_MICROS


def digest(event_id: str) -> bytes:
    """The identity of an event as the accumulators remember it."""
    return blake2b(event_id.encode(), digest_size=DIGEST_BYTES).digest()
