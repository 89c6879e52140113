"""Percentiles, and a straight line through noisy values. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

from tools.quantiles import quantile


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of `count` values, in their unit."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float


def percentiles(values: Sequence[float]) -> Percentiles | None:
    """None without values; raises ValueError for one that is not a finite number."""
    if not all(map(isfinite, values)):
        raise ValueError("a latency is not a finite number")
    if not values:
        return None
    ordered = sorted(values)
    p50, p95, p99 = (quantile(ordered, share) for share in (0.5, 0.95, 0.99))
    return Percentiles(len(ordered), p50, p95, p99, ordered[-1])


@dataclass(frozen=True, slots=True)
class Slope:
    """Of a least-squares line, with its standard error, both in y per x.

    The error takes the deviations as independent. Memory's are not: it stays where it is for seconds, so the
    true error is larger.
    """

    value: float
    error: float

    @property
    def is_flat(self) -> bool:
        """Whether no slope at all is within two standard errors."""
        return abs(self.value) <= 2 * self.error


def slope(points: Sequence[tuple[float, float]]) -> Slope | None:
    """Through (x, y); None for fewer than three points or a single x, which leave it open."""
    count = len(points)
    if count < 3:
        return None
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return None
    value = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - value * (x - mean_x)) ** 2 for x, y in points)
    return Slope(value, sqrt(rest / (count - 2) / spread))
