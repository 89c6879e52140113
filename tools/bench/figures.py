"""The measurements, as values, as tables and as JSON."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tools.bench.load import Load
from tools.bench.sinks import Counts
from tools.bench.subjects import BEFORE, NOOP
from tools.cost.measurements import Spread


@dataclass(frozen=True, slots=True)
class Figures:
    """One function under one load; figures per event cover only the function's processes and calls."""

    function: str
    concurrency: int
    events_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_event: float
    rss_mb: float
    """The most that the worker has had since its start."""
    publishes_per_event: float
    appends_per_event: float
    commits_per_event: float
    documents_per_event: float
    feature_writes_per_event: float
    published_bytes_per_event: float
    row_bytes_per_event: float
    log_bytes_per_event: float

    @property
    def busy(self) -> float:
        """The share of a vCPU that the function used; at most 1, though its threads may use a little more."""
        return min(1.0, self.cpu_us_per_event * self.events_per_second / 1e6)

    def calls(self) -> tuple[float, ...]:
        """Per event."""
        return (
            self.publishes_per_event,
            self.appends_per_event,
            self.commits_per_event,
            self.documents_per_event,
            self.feature_writes_per_event,
        )


def figures(
    function: str,
    concurrency: int,
    load: Load,
    cpu_seconds: float,
    rss_mb: float,
    asked: Counts,
    log_bytes: int,
) -> Figures:
    """The measurement per event."""
    return Figures(
        function=function,
        concurrency=concurrency,
        events_per_second=round(load.events_per_second),
        p50_ms=round(load.percentile(0.50) * 1e3, 1),
        p99_ms=round(load.percentile(0.99) * 1e3, 1),
        cpu_us_per_event=round(cpu_seconds / load.events * 1e6, 1),
        rss_mb=round(rss_mb),
        publishes_per_event=round(asked.publishes / load.events, 4),
        appends_per_event=round(asked.appends / load.events, 4),
        commits_per_event=round(asked.commits / load.events, 4),
        documents_per_event=round(asked.documents / load.events, 4),
        feature_writes_per_event=round(asked.feature_writes / load.events, 4),
        published_bytes_per_event=round(asked.published_bytes / load.events, 1),
        row_bytes_per_event=round(asked.row_bytes / load.events, 1),
        log_bytes_per_event=round(log_bytes / load.events, 3),
    )


class Cold(NamedTuple):
    """One start to the first answer: CPU of all its processes, peak memory of its worker."""

    function: str
    cpu_seconds: float
    rss_mb: float


def spread(values: Iterable[float]) -> Spread:
    """Of at least one value; the quartiles are the nearest values themselves."""
    ordered = sorted(values)
    quarter = (len(ordered) - 1) // 4
    return Spread(*(round(value, 3) for value in (median(ordered), ordered[quarter], ordered[-1 - quarter])))


@dataclass(slots=True)
class Report:
    """A whole run."""

    events_per_round: int
    rounds: int
    answers: tuple[float, float]
    """Seconds, of the sinks."""
    starts: list[Cold] = field(default_factory=list)
    runs: list[Figures] = field(default_factory=list)

    def loads(self) -> list[tuple[str, int]]:
        """Function and concurrent requests, as they were first measured."""
        return list(dict.fromkeys((run.function, run.concurrency) for run in self.runs))

    def of(self, function: str, concurrency: int) -> list[Figures]:
        """Round by round."""
        return [run for run in self.runs if (run.function, run.concurrency) == (function, concurrency)]

    def median(self, function: str, concurrency: int, figure: Callable[[Figures], float]) -> float:
        return median(map(figure, self.of(function, concurrency)))

    def times(self, function: str, base: str, concurrency: int) -> Spread:
        """CPU per event as a multiple of another function's, each round by itself."""
        return spread(
            run.cpu_us_per_event / other.cpu_us_per_event
            for run, other in zip(self.of(function, concurrency), self.of(base, concurrency), strict=True)
        )

    def times_before(self, function: str, concurrency: int) -> Spread | None:
        """The same as a multiple of the function of the other checkout, if that is measured, too."""
        before = function + BEFORE
        return self.times(function, before, concurrency) if self.of(before, concurrency) else None

    def to_dict(self) -> dict[str, object]:
        return {
            "events_per_round": self.events_per_round,
            "rounds": self.rounds,
            "answers_seconds": self.answers,
            "starts": [start._asdict() for start in self.starts],
            "times_noop": {
                f"{function} at {at_once}": asdict(self.times(function, NOOP, at_once))
                for function, at_once in self.loads()
            },
            "runs": [asdict(run) for run in self.runs],
        }

    def show(self) -> None:
        """Prints the tables."""
        console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160)
        if self.runs:
            console.print(self._warm())
            console.print("Medians; for × also the middle half of the rounds. The last five columns are")
            fastest, slowest = (f"{1e3 * seconds:g}" for seconds in self.answers)
            console.print(f"calls per event; the sinks answer after {fastest} to {slowest} ms.\n")
        if self.starts:
            console.print(self._cold())

    def _cold(self) -> Table:
        table = Table("function", title="Cold: process start to first answer", box=SIMPLE_HEAD)
        table.add_column("CPU seconds", justify="right")
        table.add_column("MiB", justify="right")
        for name in dict.fromkeys(start.function for start in self.starts):
            mine = [start for start in self.starts if start.function == name]
            rss_mb = median(start.rss_mb for start in mine)
            table.add_row(name, str(spread(start.cpu_seconds for start in mine)), f"{rss_mb:.0f}")
        return table

    def _warm(self) -> Table:
        title = f"Warm: one worker, {self.rounds} rounds of {self.events_per_round:,} events"
        table = Table("function", title=title, box=SIMPLE_HEAD)
        headings = ["at once", "events/s", "p50 ms", "p99 ms", "MiB", "CPU µs", "× no-op"]
        headings += ["× before"] if self._is_comparison() else []
        for heading in [*headings, "publish", "append", "commit", "document", "feature write"]:
            table.add_column(heading, justify="right")
        for function, at_once in self.loads():
            table.add_row(*self._cells(function, at_once))
        return table

    def _is_comparison(self) -> bool:
        return any(run.function.endswith(BEFORE) for run in self.runs)

    def _cells(self, function: str, at_once: int) -> Iterable[str]:
        def middle(figure: Callable[[Figures], float]) -> float:
            return self.median(function, at_once, figure)

        yield from (function, str(at_once))
        yield f"{middle(lambda run: run.events_per_second):,.0f}"
        yield f"{middle(lambda run: run.p50_ms):.1f}"
        yield f"{middle(lambda run: run.p99_ms):.1f}"
        yield f"{middle(lambda run: run.rss_mb):.0f}"
        yield f"{middle(lambda run: run.cpu_us_per_event):.0f}"
        yield str(self.times(function, NOOP, at_once))
        if self._is_comparison():
            yield str(self.times_before(function, at_once) or "")
        for number in range(5):
            calls = middle(lambda run, number=number: run.calls()[number])  # type: ignore[misc]
            yield f"{calls:.3f}" if calls else ""
