"""The charts of docs: docs/performance.png, medians and the middle half of the rounds, and docs/cost.png."""

import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from tools.bench.subjects import NOOP
from tools.cost import chart as cost_chart
from tools.cost import measurements, prices
from tools.cost.assumptions import LOCATIONS
from tools.cost.chart import canvas, save
from tools.cost.measurements import Measurements, Round, Spread
from tools.cost.operations import Demand
from tools.paths import ROOT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PERFORMANCE, COST = ROOT / "docs" / "performance.png", ROOT / "docs" / "cost.png"
COLOURS = ("#1f6fb4", "#8fbbe0", "#c4541c", "#e9b08f")
"""By load."""


def draw_all() -> None:
    """The charts of the committed measurements and prices; raises CommandError."""
    measured = measurements.load()
    draw(measured, PERFORMANCE)
    listed, _ = prices.load()
    cost_chart.draw(listed, measured, Demand(1, LOCATIONS, measured.event_bytes), COST)
    for file in (PERFORMANCE, COST):
        sys.stdout.write(f"wrote {file.relative_to(ROOT)}\n")


def digest(measured: Measurements) -> str:
    """Which rounds it shows."""
    return sha256(repr(measured.rounds).encode()).hexdigest()[:16]


def draw(measured: Measurements, file: Path) -> None:
    """Raises CommandError."""
    figure = canvas(9, 3.6)
    cpu, throughput = figure.subplots(1, 2)
    functions = [each for each in measured.rounds if each.function != NOOP]
    _bars(cpu, functions, [each.times_noop for each in functions], "CPU an event, × the no-op")
    _bars(
        throughput,
        list(measured.rounds),
        [each.events_per_second for each in measured.rounds],
        "events a second, one instance",
    )
    cpu.axhline(1, color="black", linewidth=0.8)
    cpu.legend(title="requests at once")
    save(figure, file, digest(measured))


def _bars(axes: "Axes", rounds: Sequence[Round], spreads: Sequence[Spread], title: str) -> None:
    """A group a function, a bar a load; the line on it is the middle half."""
    names, loads = (
        list(dict.fromkeys(each)) for each in zip(*((r.function, r.at_once) for r in rounds), strict=True)
    )
    width = 0.8 / len(loads)
    for load, colour in zip(loads, COLOURS, strict=False):
        mine = [
            (names.index(r.function), s) for r, s in zip(rounds, spreads, strict=True) if r.at_once == load
        ]
        at = [place + (loads.index(load) - (len(loads) - 1) / 2) * width for place, _ in mine]
        reach = [[s.median - s.low for _, s in mine], [s.high - s.median for _, s in mine]]
        medians = [s.median for _, s in mine]
        axes.bar(at, medians, width, yerr=reach, capsize=3, color=colour, label=str(load))
    axes.set_xticks(range(len(names)), names)
    axes.set_title(title, fontsize=10)
    axes.grid(True, axis="y", alpha=0.3)
