"""From which rate on one bill is the lower one. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

LOWEST, HIGHEST = 0.01, 10_000.0
"""Events a second: where the chart begins and ends."""
STEPS = 120


@dataclass(frozen=True, slots=True)
class Crossing:
    """At `rate` events a second the difference of two bills changes its sign."""

    rate: float
    rises: bool
    """Above it the first bill is the higher one."""


def rates(steps: int = STEPS) -> list[float]:
    """Evenly on a logarithmic scale."""
    factor: float = (HIGHEST / LOWEST) ** (1 / steps)
    return [LOWEST * factor**step for step in range(steps + 1)]


def crossings(difference: Callable[[float], float]) -> Iterator[Crossing]:
    """Where `difference` (first bill minus second, at a rate) changes its sign, to a thousandth."""
    points = [(rate, difference(rate)) for rate in rates()]
    for (low, before), (high, after) in pairwise(points):
        if (before > 0) != (after > 0):
            yield Crossing(_bisect(difference, low, high), rises=after > 0)


def _bisect(difference: Callable[[float], float], low: float, high: float) -> float:
    was_positive = difference(low) > 0
    while high / low > 1.001:
        middle = sqrt(low * high)
        if (difference(middle) > 0) == was_positive:
            low = middle
        else:
            high = middle
    return sqrt(low * high)
