"""What a run does when: how many events a second, a burst, an outage. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from tools.errors import UsageError
from tools.pipeline.address import Driver

MOST_EVENTS = 2_000_000
"""Of a run: their probes and the sightings of these are held in memory."""
WARM_UP = 10.0
"""Seconds of load before an outage, at least: first calls open connections, which is no fault of its."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Seconds at a rate, in events a second."""

    seconds: float
    rate: float

    @property
    def events(self) -> int:
        return round(self.seconds * self.rate)


@dataclass(frozen=True, slots=True)
class Outage:
    """A part is stopped for some seconds: frozen, or killed and started again after them."""

    part: str
    seconds: float
    killed: bool = False

    @property
    def how(self) -> str:
        return "killed" if self.killed else "frozen"


@dataclass(frozen=True, slots=True)
class Plan:
    """A run: `seconds` at `rate`, in the middle a burst of `burst_factor` times the rate, or an outage."""

    rate: float
    seconds: float
    burst_factor: float | None = None
    burst_seconds: float = 60.0
    outage: Outage | None = None
    locations: int = 200
    flush_every: float = 60.0
    driver: Driver = Driver.PUSH

    def check(self) -> None:
        """Raises UsageError for a run that can't be, or would show nothing."""
        if self.outage is not None and self.outage_end > self.seconds:
            least = (max(WARM_UP, self.seconds / 4) + self.outage.seconds) / 60
            raise UsageError(
                f"the load ends before the outage does: give it --minutes {least:.1f} or more, "
                "or a shorter --outage-seconds"
            )
        total = sum(phase.events for phase in self.phases())
        if not 1 <= total <= MOST_EVENTS:
            raise UsageError(
                f"these are {total:,} events, and a run has 1 to {MOST_EVENTS:,}: change --rate or --minutes"
            )

    def phases(self) -> tuple[Phase, ...]:
        if self.burst_factor is None:
            return (Phase(self.seconds, self.rate),)
        half = Phase(self.seconds / 2, self.rate)
        return (half, Phase(self.burst_seconds, self.rate * self.burst_factor), half)

    @property
    def outage_begin(self) -> float:
        """Seconds from the first event on."""
        return max(WARM_UP, self.seconds / 4)

    @property
    def outage_end(self) -> float:
        return self.outage_begin + (0.0 if self.outage is None else self.outage.seconds)

    @property
    def disturbed(self) -> tuple[float, float] | None:
        """When the burst or the outage begins and ends; None without one."""
        if self.outage is not None:
            return self.outage_begin, self.outage_end
        if self.burst_factor is not None:
            return self.seconds / 2, self.seconds / 2 + self.burst_seconds
        return None


def due_times(phases: tuple[Phase, ...]) -> Iterator[float]:
    """When each event is due, in seconds from the start: evenly in each phase, whatever becomes of them."""
    begin = 0.0
    for phase in phases:
        for number in range(phase.events):
            yield begin + number / phase.rate
        begin += phase.seconds
