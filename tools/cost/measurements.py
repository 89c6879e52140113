"""What the benchmark measured: the operations, bytes and seconds of which a bill is made.

`nox -s bench -- --record` writes the file; nothing in it is typed by hand.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.errors import CommandError

FILE = Path(__file__).parent / "measured.json"
RECORD = "python -m nox -s bench -- --record"


@dataclass(frozen=True, slots=True)
class Stage:
    """`parse` or `features`, at the deployed concurrency."""

    cpu_us: float
    """An event's CPU time."""
    busy: float
    """The share of its vCPU that an instance under full load used."""
    alone_ms: float
    """Until an event that comes alone is answered."""
    log_bytes: float
    """Of the function's own log, an event."""
    calls: tuple[tuple[float, float], ...]
    """Events a second at one instance → calls an event to each sink, by rate."""

    def calls_at(self, rate: float) -> float:
        """Calls an event at `rate` events a second, more than 0: calls a second are on the straight lines
        between the measured rates, so that their number rises with the rate and an event's share falls."""
        (first, most), (last, least) = self.calls[0], self.calls[-1]
        if rate <= first:
            return most
        if rate >= last:
            return least
        low, high = next(pair for pair in zip(self.calls, self.calls[1:], strict=False) if rate <= pair[1][0])
        share = (rate - low[0]) / (high[0] - low[0])
        return (low[0] * low[1] + share * (high[0] * high[1] - low[0] * low[1])) / rate


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure's median over the rounds, and the middle half of them."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Round:
    """A function under a load, over the rounds."""

    function: str
    at_once: int
    times_noop: Spread
    """CPU an event as a multiple of the no-op's."""
    cpu_us: Spread
    events_per_second: Spread
    p99_ms: float
    rss_mb: float
    calls: float
    """An event, to each sink."""


@dataclass(frozen=True, slots=True)
class Start:
    """From a function's start to its first answer."""

    function: str
    cpu_seconds: Spread
    rss_mb: float


@dataclass(frozen=True, slots=True)
class FlushSize:
    """A flush's documents in Firestore, by its panes; means of whole five minutes."""

    panes: float
    read: float
    written: float
    new: float
    """Of the written: not there before, so deleted one day."""


@dataclass(frozen=True, slots=True)
class Flush:
    """A flush of `aggregate`: seconds are an instance's, waits for Firestore and BigQuery included."""

    idle_seconds: float
    us_per_event: float
    us_per_pane: float
    log_bytes: float
    pane_bytes: float
    """Of a row of realtime_features_aggregated, as BigQuery counts it."""
    sizes: tuple[FlushSize, ...]
    """From the idle flush up."""

    def seconds(self, events: float, panes: float) -> float:
        return self.idle_seconds + (self.us_per_event * events + self.us_per_pane * panes) / 1e6

    def at(self, panes: float) -> FlushSize:
        """On the straight lines between the measured sizes, and on beyond the last."""
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        low, high = next((pair for pair in pairs if panes <= pair[1].panes), pairs[-1])
        share = (panes - low.panes) / (high.panes - low.panes)

        def between(start: float, end: float) -> float:
            return start + share * (end - start)

        return FlushSize(
            panes,
            between(low.read, high.read),
            between(low.written, high.written),
            between(low.new, high.new),
        )


@dataclass(frozen=True, slots=True)
class Measurements:
    """A recording: of which commit, when, on which machine."""

    recorded: str
    commit: str
    machine: str
    noop_us: float
    """CPU time of a function that does nothing: how fast this machine was."""
    event_bytes: float
    parsed_bytes: float
    row_bytes: float
    """Of a row of realtime_features, as BigQuery counts it."""
    push: Mapping[str, Stage]
    pull: Mapping[str, Stage]
    flush: Flush
    rounds_of: int
    """Events."""
    rounds_each: int
    rounds: tuple[Round, ...]
    starts: tuple[Start, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def load(file: Path = FILE) -> Measurements:
    """Raises CommandError for a file that is missing or was written by another release."""
    try:
        return parse(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CommandError(f"{file} can't be read ({error}): write it with `{RECORD}`") from error


def parse(whole: dict[str, Any]) -> Measurements:
    """From the file's JSON; raises KeyError, TypeError."""
    flush = dict(whole["flush"])
    flush["sizes"] = tuple(FlushSize(**size) for size in flush["sizes"])
    stages = {
        driver: {name: _stage(stage) for name, stage in whole[driver].items()} for driver in ("push", "pull")
    }
    rounds = tuple(Round(**_spreads(entry)) for entry in whole["rounds"])
    starts = tuple(Start(**_spreads(entry)) for entry in whole["starts"])
    made = {"flush": Flush(**flush), "rounds": rounds, "starts": starts}
    return Measurements(**(whole | stages | made))


def _stage(whole: dict[str, Any]) -> Stage:
    return Stage(**(whole | {"calls": tuple((rate, calls) for rate, calls in whole["calls"])}))


def _spreads(whole: dict[str, Any]) -> dict[str, Any]:
    return {name: Spread(**value) if isinstance(value, dict) else value for name, value in whole.items()}
