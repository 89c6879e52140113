"""The measurements, as values, as a table and as JSON."""

import sys
from dataclasses import asdict, dataclass, field, fields
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tools.bench.load import Load
from tools.bench.sinks import Counts


@dataclass(frozen=True, slots=True)
class Figures:
    """One function under one load; figures per event cover only the function's processes and calls."""

    function: str
    concurrency: int
    events_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_event: float
    publishes_per_event: float
    appends_per_event: float
    commits_per_event: float
    documents_per_event: float
    feature_writes_per_event: float


def figures(function: str, concurrency: int, load: Load, cpu_seconds: float, asked: Counts) -> Figures:
    """The measurement per event."""
    return Figures(
        function=function,
        concurrency=concurrency,
        events_per_second=round(load.events_per_second),
        p50_ms=round(load.percentile(0.50) * 1e3, 1),
        p99_ms=round(load.percentile(0.99) * 1e3, 1),
        cpu_us_per_event=round(cpu_seconds / load.events * 1e6, 1),
        publishes_per_event=round(asked.publishes / load.events, 4),
        appends_per_event=round(asked.appends / load.events, 4),
        commits_per_event=round(asked.commits / load.events, 4),
        documents_per_event=round(asked.documents / load.events, 4),
        feature_writes_per_event=round(asked.feature_writes / load.events, 4),
    )


@dataclass(slots=True)
class Report:
    """A whole run; `cold_start_cpu_seconds` is from process start to first answer."""

    events_per_load: int
    cold_start_cpu_seconds: dict[str, float] = field(default_factory=dict)
    runs: list[Figures] = field(default_factory=list)

    def medians(self) -> list[Figures]:
        """One per function and load, each figure the median of its rounds."""
        groups: dict[tuple[str, int], list[Figures]] = {}
        for run in self.runs:
            groups.setdefault((run.function, run.concurrency), []).append(run)
        names = [figure.name for figure in fields(Figures)][2:]
        return [
            Figures(*key, *(median(getattr(run, name) for run in runs) for name in names))
            for key, runs in groups.items()
        ]

    def times_noop(self, function: str, concurrency: int) -> float:
        """CPU per event as a multiple of the no-op's: the median over the rounds."""
        measured, noop = ([run for run in self.runs if run.function == name] for name in (function, "noop"))
        ratios = (
            run.cpu_us_per_event / base.cpu_us_per_event
            for run, base in zip(measured, noop, strict=True)
            if run.concurrency == concurrency
        )
        return round(median(ratios), 2)

    def to_dict(self) -> dict[str, object]:
        return {
            "events_per_load": self.events_per_load,
            "cold_start_cpu_seconds": self.cold_start_cpu_seconds,
            "medians": [
                asdict(run) | {"times_noop": self.times_noop(run.function, run.concurrency)}
                for run in self.medians()
            ],
            "rounds": [asdict(run) for run in self.runs],
        }

    def show(self) -> None:
        """Prints the tables."""
        console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
        console.print(self._warm())
        console.print("The last five columns are calls per event; the sinks answer after 2 to 5 ms.\n")
        cold = Table("function", title="Cold: process start to first answer", box=SIMPLE_HEAD)
        cold.add_column("CPU seconds", justify="right")
        for name, seconds in self.cold_start_cpu_seconds.items():
            cold.add_row(name, f"{seconds:.2f}")
        console.print(cold)

    def _warm(self) -> Table:
        title = f"Warm: one worker, {self.events_per_load:,} events per function and load"
        table = Table("function", title=title, box=SIMPLE_HEAD)
        headings = ["at once", "events/s", "p50 ms", "p99 ms", "CPU µs", "× no-op"]
        for heading in [*headings, "publish", "append", "commit", "document", "feature write"]:
            table.add_column(heading, justify="right")
        for run in self.medians():
            table.add_row(
                run.function,
                str(run.concurrency),
                f"{run.events_per_second:,.0f}",
                f"{run.p50_ms:.1f}",
                f"{run.p99_ms:.1f}",
                f"{run.cpu_us_per_event:.0f}",
                f"{self.times_noop(run.function, run.concurrency):.2f}",
                *(f"{value:.3f}" if value else "" for value in _calls(run)),
            )
        return table


def _calls(run: Figures) -> tuple[float, ...]:
    return (
        run.publishes_per_event,
        run.appends_per_event,
        run.commits_per_event,
        run.documents_per_event,
        run.feature_writes_per_event,
    )
