"""`nox -s bench -- flush`: what the flush costs at the sizes of a user; tables, and JSON in
build/bench-flush.json."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from shared.topology import REGION, feature_view_path
from tools.bench.load import as_requests
from tools.bench.server import Server, serving
from tools.bench.windows import (
    Scale,
    Testbed,
    Tick,
    backlog,
    calibration,
    costs,
    environment,
    steady,
)
from tools.local.parts import PROJECT
from tools.local.ports import allot
from tools.paths import ROOT

RESULT = ROOT / "build" / "bench-flush.json"
REGION_AWAY = (0.06, 0.15)
"""Seconds a call where the wall time is to be that of a real region."""


@dataclass(slots=True)
class Scenario:
    """One table: its ticks, and the machine's speed beside them."""

    title: str
    scale: Scale
    ticks: list[Tick] = field(default_factory=list)
    calibrations: list[float] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


SCENARIOS = {
    "steady": Scenario("1,000 events/s of 55,000 locations", Scale(1_000, 55_000)),
    "dense": Scenario("5,000 events/s of 5,000 locations", Scale(5_000, 5_000)),
    "region": Scenario("The same, 60 to 150 ms a call", Scale(1_000, 55_000, delay=REGION_AWAY)),
    "sharded": Scenario("5,000 events/s of 200,000 locations, 4 shards", Scale(5_000, 200_000, shards=4)),
    "backlog": Scenario("Two hours of 1,000 events/s waiting", Scale(1_000, 55_000)),
}
MINUTES = {"steady": 12, "dense": 4, "region": 12, "sharded": 7, "backlog": 120}


async def run(names: list[str]) -> list[Scenario]:
    """The scenarios of these names, one after the other; raises CommandError and OSError."""
    for name in names:
        scenario = SCENARIOS[name]
        testbed = Testbed(scenario.scale)
        async with serving_aggregate(testbed) as server:
            follow = backlog if name == "backlog" else steady
            async for done in follow(testbed, server, MINUTES[name]):
                scenario.calibrations.append(calibration())
                scenario.ticks.append(done)
                sys.stdout.write(f"{name}: minute {done.minute}, {done.cpu_seconds:.2f} s of CPU\n")
    return [SCENARIOS[name] for name in names]


@asynccontextmanager
async def serving_aggregate(testbed: Testbed) -> AsyncIterator[Server]:
    """The function, flushing what is in the testbed."""
    async with testbed.listen() as endpoint:
        settings = environment(endpoint, testbed.scale, feature_view_path(PROJECT, REGION))
        source = ROOT / "functions" / "aggregate" / "main.py"
        first = as_requests([b"{}"])
        async with serving("aggregate", source, allot(0)["aggregate"], settings, first[0]) as (server, _):
            yield server


def main(names: list[str]) -> None:
    """The command line's part."""
    import uvloop

    scenarios = uvloop.run(run(names or list(SCENARIOS)))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps([scenario.to_dict() for scenario in scenarios], indent=2) + "\n")
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140)
    for scenario in scenarios:
        console.print(_table(scenario))
    if {"steady", "dense"} <= {name for name in SCENARIOS if SCENARIOS[name].ticks}:
        event, pane = costs(
            SCENARIOS["steady"].ticks + SCENARIOS["dense"].ticks, lambda tick: tick.cpu_seconds
        )
        sys.stdout.write(f"{event:.1f} µs an event, {pane:.0f} µs a pane, by the first two\n")
    sys.stdout.write(f"The same as JSON: {RESULT.relative_to(ROOT)}\n")


def _table(scenario: Scenario) -> Table:
    middle = sorted(scenario.calibrations)[len(scenario.calibrations) // 2]
    title = f"{scenario.title}; orjson decodes an event in {middle:.1f} µs"
    table = Table("minute", title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in (
        "shard",
        "events",
        "early",
        "on_time",
        "late",
        "CPU s",
        "wall s",
        "read",
        "written",
        "segments",
    ):
        table.add_column(heading, justify="right")
    table.add_column("MB", justify="right")
    table.add_column("peak MiB", justify="right")
    for tick in scenario.ticks:
        counts = [tick.shard, tick.events, tick.panes["early"], tick.panes["on_time"], tick.panes["late"]]
        table.add_row(
            str(tick.minute),
            *(f"{count:,}" for count in counts),
            f"{tick.cpu_seconds:.2f}",
            f"{tick.wall_seconds:.2f}",
            *(f"{count:,}" for count in (tick.read, tick.written, tick.segments)),
            f"{tick.megabytes:.1f}",
            f"{tick.rss_mb:.0f}",
        )
    return table
