"""What a second of the rate asks of each service, by driver. Pure: measurements in, counts out."""

from dataclasses import dataclass
from math import ceil, exp

from tools.cost import assumptions as a
from tools.cost.measurements import FlushSize, Measurements, Stage

WINDOW = 300
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What comes in."""

    rate: float
    """Events a second, the month through."""
    locations: int
    """That events come from, all alike."""
    event_bytes: float
    """Of an event as its producer sends it."""

    @property
    def month(self) -> float:
        """Events."""
        return self.rate * a.MONTH

    def active(self, seconds: float) -> float:
        """Locations with an event within so many seconds."""
        return self.locations * (1 - exp(-self.rate * seconds / self.locations))

    @property
    def panes(self) -> float:
        """A minute: early ones of the locations with events, of each window an on_time one and, when it
        settles, a final one. In the flush in which a window ends the on_time panes are instead of early ones.
        """
        return (4 * self.active(60) + 2 * self.active(WINDOW)) / 5


@dataclass(frozen=True, slots=True)
class Use:
    """How a stage runs."""

    instances: float
    """On average, billed."""
    calls: float
    """An event, to each sink."""


def pushed(stage: Stage, rate: float) -> Use:
    """By push, with the heartbeat's events in the rate: an instance is billed while it has a request.

    At a low rate that is the slot that each event wakes it for, with those that overlap; at a high rate its
    CPU, as full as the benchmark had it but no fuller than Cloud Run lets it run.
    """
    slot = ceil(stage.alone_ms / 1e3 / a.BILLED_SLOT) * a.BILLED_SLOT
    awake = 1 - exp(-rate * slot)
    full = rate * stage.cpu_us / 1e6 / min(stage.busy, a.UTILISATION)
    return Use(max(awake, full), stage.calls_at(rate / max(1.0, full)))


def pulled(stage: Stage, rate: float) -> Use:
    """By pull: at least one instance, always on, and none fuller than by push: people set their number."""
    full = rate * stage.cpu_us / 1e6 / min(stage.busy, a.UTILISATION)
    return Use(max(1.0, full), stage.calls_at(rate / max(1.0, full)))


@dataclass(frozen=True, slots=True)
class Flushes:
    """A month of them."""

    seconds: float
    panes: float
    size: FlushSize


def flushes(measured: Measurements, demand: Demand) -> Flushes:
    """Each is billed by itself, rounded up."""
    flush = measured.flush
    seconds = flush.seconds(demand.rate * 60, demand.panes)
    slots = max(1.0, seconds / a.BILLED_SLOT + 0.5)  # rounded up: half a slot, on average
    return Flushes(
        a.FLUSHES * slots * a.BILLED_SLOT, a.FLUSHES * demand.panes, measured.flush.at(demand.panes)
    )


@dataclass(frozen=True, slots=True)
class Volumes:
    """A message's bytes as Pub/Sub counts them."""

    event: float
    parsed: float

    @classmethod
    def of(cls, measured: Measurements, demand: Demand) -> "Volumes":
        """What `parse` adds to an event does not depend on its length."""
        added = measured.parsed_bytes - measured.event_bytes
        event = demand.event_bytes + a.MESSAGE_OVERHEAD
        return cls(event, event + added)


def alone(size: float) -> float:
    """A message by itself in a request."""
    return max(size, a.MINIMUM_BYTES)


def together(size: float, calls: float) -> float:
    """A message's share of a request with others; `calls` is requests a message."""
    return max(size, a.MINIMUM_BYTES * calls)
