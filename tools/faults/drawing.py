"""A plan drawn from a seed: every kind of fault has its turn, in another mix and strength for each seed."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import get_args

from tools.errors import UsageError
from tools.faults.plan import MAX_SKEW, Action, Calls, Code, Deliveries, FunctionName, Plan, ServiceName, load

SEED = "seed:"
REFUSED = "refused-by-bigquery-"
"""Events whose ids begin so lose their row in a drawn plan."""
_APART = 11.0
"""Seconds between two kills of one part: crashes nearer together make the chain give up."""
_SKEWS = (0, 0, 5, -30, MAX_SKEW, -MAX_SKEW)


def plan_of(text: str) -> Plan:
    """The plan in the file `text`, or for `seed:17` the one drawn from 17. Raises UsageError."""
    if not text.startswith(SEED):
        return load(Path(text))
    number = text.removeprefix(SEED)
    if not number.isdecimal():
        raise UsageError(f"--faults {text}: the seed must be a number, such as seed:17")
    return draw(int(number))


def draw(seed: int, heals_at: float | None = None) -> Plan:
    """Always the same for a seed; `heals_at` is drawn, too, unless it is given."""
    random = Random(seed)
    heals_at = heals_at or random.choice((8.0, 15.0, 30.0))
    return Plan(
        seed=seed,
        heals_at=heals_at,
        services={name: _calls(random) for name in get_args(ServiceName)},
        deliveries=Deliveries(
            twice=random.choice((0, 0.05, 0.3)),
            again=random.choice((0, 0.05, 0.2)),
            late=random.choice((0, 0.2, 0.6)),
            late_by=random.choice((0.5, 5.0, 30.0)),
            loses_acks=random.choice((0, 0.05, 0.2)),
        ),
        refuses_rows_of=REFUSED,
        clocks={name: [random.choice(_SKEWS) for _ in range(2)] for name in get_args(FunctionName)},
        actions=sorted(_actions(random, heals_at), key=lambda action: action.at),
    )


def _calls(random: Random) -> Calls:
    total = random.choice((0, 0.02, 0.1, 0.25))
    codes = random.sample(get_args(Code), random.randint(1, 5))
    return Calls(
        fails={code: total / len(codes) for code in codes if total},
        loses_answers=random.choice((0, 0.02, 0.1)),
        closes_streams=random.choice((0, 0.02, 0.1)),
        slow=random.choice((0, 0.02, 0.1)),
        slow_by=random.choice((0.5, 2.0, 8.0)),
        cuts_listings=random.choice((0, 0.1, 0.3)),
        shuffles_reads=random.choice((0, 1.0)),
    )


def _actions(random: Random, heals_at: float) -> Iterator[Action]:
    for part in get_args(ServiceName):
        if random.random() < 0.4:
            seconds = random.uniform(0.5, heals_at / 3)
            at = random.uniform(0, heals_at - seconds)
            yield Action(at=at, does="freeze", part=part, seconds=seconds)
        if random.random() < 0.3:
            yield Action(at=random.uniform(1, heals_at), does="kill", part=part)
    for part in get_args(FunctionName):
        for _ in range(random.choice((0, 1, 4))):
            yield Action(at=random.uniform(0, heals_at), does="kill-instance", part=part)
        at = random.uniform(1, 2 * heals_at)
        while at < heals_at:
            yield Action(at=at, does="kill", part=part)
            at += _APART + random.uniform(0, heals_at)
