"""What a soaked chain is given: events whose windows close before, while and after it misbehaves."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from random import Random

from shared.clock import from_micros, to_micros
from shared.windows.key import WINDOW_MICROS, window_of
from tools.faults.drawing import REFUSED
from tools.sampling.events import EventMaker, line, location_ids

WINDOW = timedelta(microseconds=WINDOW_MICROS)
APART = timedelta(milliseconds=1)
"""Between two events, so that a location has one newest."""


class Expected(Enum):
    """What must become of an event; whether it is late is certain only where its window is far from closing,
    counted in skews of the clocks."""

    ROW = "a row, late or not"
    TIMELY = "a row that is not late"
    LATE = "a row that is late"
    REFUSED = "sink_rejected"
    BAD = "schema_error"


@dataclass(frozen=True, slots=True)
class Publication:
    event_id: str
    line: bytes
    expected: Expected


@dataclass(frozen=True, slots=True)
class Times:
    """`current` is the start of the window that is open; the one before it closes amid the faults."""

    current: datetime
    lateness: timedelta

    @staticmethod
    def closing_after(now: datetime, seconds: float) -> "Times":
        """The window before the open one closes so many seconds from now."""
        current = from_micros(window_of(to_micros(now)))
        return Times(current, now - current + timedelta(seconds=round(seconds)))

    @property
    def closes(self) -> datetime:
        """When the window before the open one does."""
        return self.current + self.lateness

    def is_closing(self, window_start: int) -> bool:
        """Whether this window, or an earlier one, must be final in the end."""
        return window_start < to_micros(self.current)


def publications(seed: int, times: Times, count: int) -> list[Publication]:
    """In the order of publishing; some come twice."""
    random = Random(seed)
    maker = EventMaker(random, location_ids(random, random.choice((1, 4, 12))))
    made = [_publication(random, maker, times, number) for number in range(count)]
    return [copy for each in made for copy in _copies(random, each)]


def _copies(random: Random, publication: Publication) -> Iterator[Publication]:
    yield publication
    if random.random() < 0.05:
        yield publication


def _publication(random: Random, maker: EventMaker, times: Times, number: int) -> Publication:
    kind = random.choices((*Expected,), weights=(50, 20, 20, 5, 5))[0]
    event = maker.event(_moment(kind, times, number))
    name = f"{REFUSED if kind is Expected.REFUSED else kind.name.lower()}-{number}"
    event["event_id"] = name
    if kind is Expected.BAD:
        del event["location_id"]
    return Publication(name, line(event), kind)


def _moment(kind: Expected, times: Times, number: int) -> datetime:
    if kind is Expected.TIMELY:
        return times.current + APART * number
    if kind is Expected.LATE:
        return times.current - 2 * WINDOW + APART * number
    return times.current - WINDOW + APART * number
