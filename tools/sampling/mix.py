"""A shuffled sample of good, bad, late and repeated events, in exact numbers."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, cycle, islice

from tools.errors import UsageError
from tools.sampling.bad import BAD_KINDS, TOO_LARGE, BadKind
from tools.sampling.events import EventMaker, line, location_ids

SPREAD = timedelta(minutes=15)
"""Good events are at most this old: they fill three or four windows, the last one still open."""
LATE_FROM, LATE_TO = timedelta(minutes=70), timedelta(hours=12)
"""A 5-minute window and its hour of allowed lateness are over after 65 minutes."""
_UNIDENTIFIED = 0.05
"""Share of the good events that have no event_id."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How many lines, and the shares that are bad, late, or repeat an earlier line."""

    lines: int
    locations: int = 25
    bad: float = 0.0
    late: float = 0.0
    duplicates: float = 0.0

    def counts(self) -> "Counts":
        """The exact numbers; raises UsageError when they add up to too much, or leave nothing to repeat."""
        bad, late, repeated = (round(self.lines * share) for share in (self.bad, self.late, self.duplicates))
        good = self.lines - bad - late - repeated
        if good < 0:
            raise UsageError("--bad, --late and --duplicates add up to more than 1: lower one of them")
        if repeated and not good + late:
            raise UsageError("there is no good event that --duplicates could repeat: lower it or --bad")
        return Counts(good, bad, late, repeated)


@dataclass(frozen=True, slots=True)
class Counts:
    """Lines of each kind."""

    good: int
    bad: int
    late: int
    duplicates: int


def sample(recipe: Recipe, seed: int, now: datetime) -> list[bytes]:
    """`recipe.lines` lines, the same for equal arguments; another `seed` or `now` gives other ids."""
    counts = recipe.counts()
    rng = random.Random(f"{seed} {now.isoformat()}")
    maker = EventMaker(rng, location_ids(rng, recipe.locations))
    lines: list[tuple[float, bytes]] = []
    repeatable: list[tuple[float, bytes]] = []
    for number in range(counts.good + counts.late):
        late = number >= counts.good
        identified = number == 0 or late or rng.random() >= _UNIDENTIFIED
        placed = (rng.random(), line(maker.event(_moment(rng, now, late), identified)))
        (repeatable if identified else lines).append(placed)
    for place, original in rng.choices(repeatable, k=counts.duplicates) if counts.duplicates else ():
        lines.append((rng.uniform(place, 1.0), original))
    lines += [(rng.random(), text) for text in _bad_lines(maker, now, counts.bad)]
    return [text for _, text in sorted(lines + repeatable, key=lambda placed: placed[0])]


def bad_kinds(count: int) -> list[BadKind]:
    """The kinds of a sample's `count` bad lines: all in turn, over and over."""
    return list(islice(chain(BAD_KINDS.values(), [TOO_LARGE], cycle(BAD_KINDS.values())), count))


def _moment(rng: random.Random, now: datetime, late: bool) -> datetime:
    if late:
        return now - LATE_FROM - rng.random() * (LATE_TO - LATE_FROM)
    return now - rng.random() * SPREAD


def _bad_lines(maker: EventMaker, now: datetime, count: int) -> list[bytes]:
    return [kind.spoil(maker.event(_moment(maker.rng, now, late=False))) for kind in bad_kinds(count)]
