"""From when a probe was due until it could be seen: as a row in BigQuery, as a value in the online store."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from tools.load.publishing import PROBED, Made
from tools.pipeline.online_store import OnlineStore
from tools.pipeline.warehouse import Warehouse

LOOK = 0.2
"""Seconds between two looks. A latency is too long by at most this and the time that a look takes."""
TIMEOUT = 5.0
"""Seconds for a look: a stopped service is looked at again soon after it goes on."""
VALUE = "real_time_risk_score"
"""A feature that every event sets, so its time is that of the newest event the store has."""

ROWS = f"""
SELECT event_id FROM realtime_features
WHERE location_id = '{PROBED}' AND event_timestamp >= @oldest
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A probe that became visible `seconds` after it was due, `due` seconds from the start."""

    due: float
    seconds: float


class Sightings:
    """The probes of one sink: those not seen yet, and how long the others took. Any thread may call it.

    `now` gives seconds from the start.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waiting: dict[str, Made] = {}
        self._lock = threading.Lock()
        self.seen: list[Sighting] = []

    def sent(self, probe: Made) -> None:
        with self._lock:
            self._waiting[probe.event_id] = probe

    @property
    def waiting(self) -> int:
        with self._lock:
            return len(self._waiting)

    def oldest(self) -> datetime | None:
        """The earliest event time of those not seen yet."""
        with self._lock:
            return min((probe.moment for probe in self._waiting.values()), default=None)

    def found(self, event_ids: Iterable[str]) -> None:
        """These are visible now; ids that are not waited for, and repeated ones, change nothing."""
        now = self._now()
        with self._lock:
            for event_id in event_ids:
                self._see(event_id, now)

    def served(self, newest: datetime) -> None:
        """The store has a value of this event time: every probe as old is visible, or was overtaken."""
        now = self._now()
        with self._lock:
            for event_id in [key for key, probe in self._waiting.items() if probe.moment <= newest]:
                self._see(event_id, now)

    def _see(self, event_id: str, now: float) -> None:
        probe = self._waiting.pop(event_id, None)
        if probe is not None:
            self.seen.append(Sighting(probe.due, now - probe.due))


def look_at_rows(warehouse: Warehouse, sightings: Sightings) -> None:
    """Raises CommandError."""
    oldest = sightings.oldest()
    if oldest is not None:
        found = warehouse.query(ROWS, oldest=oldest)
        sightings.found(str(event_id) for (event_id,) in found.rows)


def look_at_values(store: OnlineStore, sightings: Sightings) -> None:
    """Raises CommandError."""
    if sightings.oldest() is None:
        return
    times = [value.generate_time for value in store.fetch(PROBED, TIMEOUT) if value.name == VALUE]
    if times and times[0] is not None:
        sightings.served(times[0])
