"""A bill: lines of dollars a month, by service."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tools.cost.assumptions import MONTH


@dataclass(frozen=True, slots=True)
class Line:
    """Dollars a month."""

    service: str
    what: str
    dollars: float


@dataclass(frozen=True, slots=True)
class Bill:
    """What a month at one rate costs one way."""

    name: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> float:
        """Dollars a month."""
        return sum(line.dollars for line in self.lines)

    def per_million(self, rate: float) -> float:
        """Dollars a million events, at the rate that the bill is for."""
        return self.total / (rate * MONTH) * 1e6

    def by_service(self) -> Mapping[str, float]:
        """Service to dollars, in the order of the lines."""
        return {
            service: sum(line.dollars for line in self.lines if line.service == service)
            for service in dict.fromkeys(line.service for line in self.lines)
        }

    def __getitem__(self, what: str) -> float:
        """The dollars of the lines called so; 0 where there are none."""
        return sum(line.dollars for line in self.lines if line.what == what)


def bill(name: str, *parts: Iterable[Line]) -> Bill:
    return Bill(name, tuple(line for part in parts for line in part))
