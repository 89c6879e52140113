"""What happens in a history: drawn from a seed, plain to read, and made smaller when it breaks a law."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

SERVICES = ("documents", "rows", "panes", "dead letters", "online")
TYPES = ("rating_change", "inspection_update", "dashboard_interaction", "x", "y", "z", "ä")
MAX_SKEW = 200


@dataclass(frozen=True, slots=True)
class Publication:
    """An event's message; times in seconds after the history's begin."""

    event_id: str
    location_id: str
    event_type: str
    at: float
    """When Pub/Sub takes it."""
    age: float
    """How old the event is then."""
    delay: float
    """Until its first delivery."""
    value: int
    """Its metric: copies of one event with other values are other content."""


@dataclass(frozen=True, slots=True)
class Outage:
    service: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Times in seconds, shares 0 to 1."""

    seed: int
    lateness: int
    heals_at: int
    publications: tuple[Publication, ...]
    skews: tuple[int, ...]
    """Of each `features` instance's clock against the database's, until `heals_at`."""
    flush_skew: int
    outages: tuple[Outage, ...]
    no_flush: tuple[tuple[float, float], ...]
    """When no tick comes."""
    shards: tuple[tuple[float, int], ...]
    """From when on a tick asks for how many."""
    by_shard: bool
    """Each shard has a job of its own."""
    fails: float
    delay: float
    stalls: float
    kills: float
    """Of flushes; half as often an instance of `features` dies at a tick."""
    skips: float
    repeats: float
    """Of deliveries that come twice, at once or later."""
    unreadable: int
    is_small: bool
    """Every limit of a page, a group, a commit, a part and a chunk is so small that it is met."""
    later: tuple[tuple[float, int], ...]
    """From when on a deployment has which other allowed lateness."""

    @property
    def latenesses(self) -> list[int]:
        return [self.lateness, *(lateness for _, lateness in self.later)]


def draw(seed: int) -> Plan:
    random = Random(seed)
    lateness = random.choice((0, 60, 60, 300))
    heals_at = random.choice((120, 240, 360, lateness + 300))
    return Plan(
        seed=seed,
        lateness=lateness,
        heals_at=heals_at,
        publications=tuple(_publications(random, lateness, heals_at)),
        skews=tuple(
            random.choice((0, 0, 5, -5, -30, MAX_SKEW, -MAX_SKEW)) for _ in range(random.randint(1, 3))
        ),
        flush_skew=random.choice((0, MAX_SKEW, -MAX_SKEW)),
        outages=tuple(_outage(random, lateness, heals_at) for _ in range(random.choice((0, 0, 1, 2)))),
        no_flush=tuple(
            (outage.since, outage.until)
            for outage in [_outage(random, lateness, heals_at)]
            if random.random() < 0.4
        ),
        shards=tuple(
            (random.uniform(0, heals_at / 2), random.choice((1, 2, 3)))
            for _ in range(random.choice((0, 0, 1, 3)))
        ),
        by_shard=random.random() < 0.5,
        fails=random.choice((0, 0.01, 0.05, 0.15)),
        delay=random.choice((0, 0.05, 0.5, 3)),
        stalls=random.choice((0, 0.01, 0.05)),
        kills=random.choice((0, 0.2, 0.6)),
        skips=random.choice((0, 0.3)),
        repeats=random.choice((0, 0.3)),
        unreadable=random.choice((0, 0, 1, 2)),
        is_small=random.random() < 0.7,
        later=tuple(
            sorted(
                (random.uniform(0, heals_at), random.choice((0, 60, 300, 900)))
                for _ in range(random.choice((0, 0, 1, 2)))
            )
        ),
    )


def _publications(random: Random, lateness: int, heals_at: int) -> Iterator[Publication]:
    locations = [f"1-{number}" for number in range(random.randint(1, 6))]
    for number in range(random.randint(1, 8)):
        at = random.uniform(0, heals_at)
        first = Publication(
            event_id=f"e{number}",
            location_id=random.choice(locations),
            event_type=random.choice(TYPES),
            at=at,
            age=random.choice((0, 0, random.uniform(-120, lateness + 400), random.uniform(0, 60))),
            delay=random.choice((0, 0, random.uniform(0, 60), random.uniform(0, lateness + 400))),
            value=random.randint(0, 9),
        )
        yield first
        if random.random() < 0.05:
            yield replace(first, event_type=random.choice(TYPES), value=random.randint(10, 19))


def _outage(random: Random, lateness: int, heals_at: int) -> Outage:
    """Now and then longer than the allowed lateness."""
    since = random.uniform(0, heals_at)
    return Outage(
        random.choice(SERVICES), since, since + random.uniform(0, random.choice((120, lateness + 300)))
    )


CALMER: dict[str, object] = {
    "outages": (),
    "no_flush": (),
    "shards": (),
    "by_shard": False,
    "skews": (0,),
    "flush_skew": 0,
    "fails": 0,
    "delay": 0,
    "stalls": 0,
    "kills": 0,
    "skips": 0,
    "repeats": 0,
    "unreadable": 0,
    "is_small": False,
    "later": (),
}


def smaller(plan: Plan) -> Iterator[Plan]:
    """The plan with one thing less."""
    count = len(plan.publications)
    for size in (count // 2, count // 4, 1):
        for at in range(0, count, max(1, size)):
            left = plan.publications[:at] + plan.publications[at + size :]
            if size and left:
                yield replace(plan, publications=left)
    for name, value in CALMER.items():
        if getattr(plan, name) != value:
            yield replace(plan, **{name: value})  # type: ignore[arg-type]
