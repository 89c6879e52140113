"""`nox -s bench -- --record`: everything that docs/performance.md and `cqc cost` rest on, in one run.

Alternating rounds at two loads, `parse` and `features` at rates from a lone event up, and flushes of four
sizes. About five minutes.
"""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median

from shared.tables.columns import REALTIME_FEATURES, REALTIME_FEATURES_AGGREGATED
from tools.bench.drivers import DEPLOYED, Subject
from tools.bench.figures import Figures, Report, spread
from tools.bench.flush import serving_aggregate
from tools.bench.functions import Extent, rounds, running
from tools.bench.server import Server
from tools.bench.sinks import Sinks
from tools.bench.stored import mean_bytes
from tools.bench.subjects import NOOP, PULLS, event_bytes
from tools.bench.windows import Scale, Testbed, Tick, costs, steady
from tools.cost import measurements
from tools.cost.assumptions import STAGES
from tools.cost.measurements import Flush, FlushSize, Measurements, Stage
from tools.paths import ROOT

EXTENT = Extent(at_once=(32, 80), events=2_000, rounds=5, starts=5)
PACES = {5: 50, 50: 300, 200: 800, 1_000: 3_000}
"""Events a second, and how many: so many that the calls an event are certain to some per cent."""
IDLE, *SCALES = Scale(0, 1), Scale(2, 1_000), Scale(50, 10_000), Scale(300, 55_000)
MINUTES, CYCLE = 15, 5
"""Minutes until windows open, end and settle side by side, and a whole turn of it."""


@dataclass(slots=True)
class Paced:
    """A stage at the rates of PACES, in their order."""

    calls: list[tuple[float, float]] = field(default_factory=list)
    alone_ms: float = 0.0
    """At the lowest rate."""


async def record() -> Measurements:
    """Measures it all; raises CommandError, LoadFailed, OSError."""
    report, sinks = Report(EXTENT.events, EXTENT.rounds, EXTENT.answers), Sinks(EXTENT.answers)
    _say(f"{EXTENT.starts} starts of each function")
    async with running(EXTENT, sinks, report) as servers:
        for at_once in EXTENT.at_once:
            _say(f"{EXTENT.rounds} rounds of {EXTENT.events:,} events, {at_once} at once")
            await rounds(report, sinks, EXTENT, at_once, servers)
        paced = {
            subject.name: await _paced(subject, server, sinks)
            for subject, server in servers
            if subject.name.removesuffix(PULLS) in STAGES
        }
    return _measurements(report, paced, sinks, await _flush())


async def _paced(subject: Subject, server: Server, sinks: Sinks) -> Paced:
    found = Paced()
    _say(f"{subject.name} at {', '.join(map(str, PACES))} events/s")
    for rate, count in PACES.items():
        before = sinks.counts.copy()
        load = await subject.paced(server.port, count, rate, DEPLOYED)
        asked = sinks.counts.since(before)
        found.calls.append((float(rate), round((asked.publishes or asked.commits) / count, 4)))
        found.alone_ms = found.alone_ms or round(load.percentile(0.5) * 1e3, 1)
    return found


async def _flush() -> Flush:
    idle, _ = await _ticks(IDLE, CYCLE)
    idle_seconds = median(tick.wall_seconds for tick in idle)
    found = [await _ticks(scale, MINUTES) for scale in SCALES]
    ticks = [tick for ticks, _ in found for tick in ticks]
    event, pane = costs(ticks, lambda tick: max(0.0, tick.wall_seconds - idle_seconds))
    return Flush(
        idle_seconds=round(idle_seconds, 4),
        us_per_event=round(max(0.0, event), 1),
        us_per_pane=round(max(0.0, pane), 1),
        log_bytes=round(fmean(tick.log_bytes for tick in ticks)),
        pane_bytes=round(mean_bytes(REALTIME_FEATURES_AGGREGATED, found[0][1]), 1),
        sizes=tuple(map(_size, (idle, *(ticks for ticks, _ in found)))),
    )


async def _ticks(scale: Scale, minutes: int) -> tuple[list[Tick], list[bytes]]:
    """The last turn of them, and rows of their panes."""
    testbed = Testbed(scale)
    _say(f"{minutes} flushes of {scale.rate} events/s from {scale.locations:,} locations")
    async with serving_aggregate(testbed) as server:
        ticks = [tick async for tick in steady(testbed, server, minutes)]
    return ticks[-CYCLE:], testbed.sinks.rows.get(REALTIME_FEATURES_AGGREGATED.name, [])


def _say(what: str) -> None:
    """Where it is: on stderr, as the result is a file."""
    sys.stderr.write(f"{what}\n")


def _size(ticks: list[Tick]) -> FlushSize:
    return FlushSize(
        panes=fmean(sum(tick.panes.values()) for tick in ticks),
        read=fmean(tick.read for tick in ticks),
        written=fmean(tick.written for tick in ticks),
        new=fmean(tick.new for tick in ticks),
    )


def _measurements(report: Report, paced: dict[str, Paced], sinks: Sinks, flush: Flush) -> Measurements:
    return Measurements(
        recorded=datetime.now(UTC).date().isoformat(),
        commit=_commit(),
        machine=_machine(),
        noop_us=report.median(NOOP, DEPLOYED, lambda run: run.cpu_us_per_event),
        event_bytes=round(event_bytes(datetime.now(UTC)), 1),
        parsed_bytes=report.median("parse", DEPLOYED, lambda run: run.published_bytes_per_event),
        row_bytes=round(mean_bytes(REALTIME_FEATURES, sinks.rows[REALTIME_FEATURES.name]), 1),
        push=_stages(report, paced, ""),
        pull=_stages(report, paced, PULLS),
        flush=flush,
        rounds_of=report.events_per_round,
        rounds_each=report.rounds,
        rounds=tuple(_round(report, function, at_once) for function, at_once in report.loads()),
        starts=tuple(_start(report, name) for name in dict.fromkeys(s.function for s in report.starts)),
    )


def _stages(report: Report, paced: dict[str, Paced], driver: str) -> dict[str, Stage]:
    names = {stage: stage + driver for stage in STAGES}
    return {stage: _stage(report.of(name, DEPLOYED), paced[name]) for stage, name in names.items()}


def _stage(runs: list[Figures], paced: Paced) -> Stage:
    top, full = median(run.events_per_second for run in runs), median(max(run.calls()) for run in runs)
    return Stage(
        cpu_us=median(run.cpu_us_per_event for run in runs),
        busy=round(median(run.busy for run in runs), 3),
        alone_ms=paced.alone_ms,
        log_bytes=median(run.log_bytes_per_event for run in runs),
        calls=tuple(_falling([*(point for point in paced.calls if point[0] < top), (top, full)])),
    )


def _falling(calls: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without what chance makes rise again."""
    return [(rate, min(each for at, each in calls if at <= rate)) for rate, _ in calls]


def _round(report: Report, function: str, at_once: int) -> measurements.Round:
    runs = report.of(function, at_once)
    return measurements.Round(
        function=function,
        at_once=at_once,
        times_noop=report.times(function, NOOP, at_once),
        cpu_us=spread(run.cpu_us_per_event for run in runs),
        events_per_second=spread(run.events_per_second for run in runs),
        p99_ms=median(run.p99_ms for run in runs),
        rss_mb=median(run.rss_mb for run in runs),
        calls=median(max(run.calls()) for run in runs),
    )


def _start(report: Report, name: str) -> measurements.Start:
    mine = [start for start in report.starts if start.function == name]
    return measurements.Start(
        name, spread(start.cpu_seconds for start in mine), median(start.rss_mb for start in mine)
    )


def _commit() -> str:
    """The commit that is checked out; `+` after it where files differ from it."""

    def git(*arguments: str) -> str:
        asked = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return asked.stdout.strip()

    changed = git("status", "--porcelain", "--", "functions", "shared", "tools/bench")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


def _machine() -> str:
    """The processor, and how much else it had to do."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "CPU")
    load = os.getloadavg()[2]
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}, load {load:.1f} over 15 minutes"
