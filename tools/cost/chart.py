"""Dollars a million events against the rate, as a PNG that is the same for the same figures."""

from pathlib import Path

from tools.cost.crossing import HIGHEST, LOWEST, crossings, rates
from tools.cost.measurements import Measurements
from tools.cost.model import BILLS, Basis
from tools.cost.operations import Demand
from tools.cost.prices import Prices
from tools.errors import CommandError

STYLES = {"push": ("#1f6fb4", "-"), "pull": ("#2e8b57", "--"), "Dataflow": ("#c4541c", "-.")}
MARKED = (("push", "Dataflow"), ("pull", "Dataflow"), ("push", "pull"))


def draw(prices: Prices, measured: Measurements, demand: Demand, file: Path) -> None:
    """Log-log, with the rates at which two of them are equal; raises CommandError."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise CommandError("the chart needs matplotlib: python -m pip install -e '.[dev]'") from error

    def per_million(name: str, rate: float) -> float:
        return BILLS[name](
            Basis(prices, measured, Demand(rate, demand.locations, demand.event_bytes))
        ).per_million(rate)

    figure = Figure(figsize=(8, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, (colour, style) in STYLES.items():
        is_floor = BILLS[name](Basis(prices, measured, demand)).at_least
        label = f"{name}, at least (not measured)" if is_floor else name
        axes.loglog(rates(), [per_million(name, rate) for rate in rates()], style, color=colour, label=label)
    for first, second in MARKED:
        for point in crossings(lambda rate: per_million(first, rate) - per_million(second, rate)):  # noqa: B023
            height = per_million(first, point.rate)
            axes.plot([point.rate], [height], "o", color="black", markersize=4)
            text = f"{point.rate:,.1f}/s" if point.rate < 10 else f"{point.rate:,.0f}/s"
            axes.annotate(text, (point.rate, height), (4, 6), textcoords="offset points", fontsize=9)
    axes.set_xlim(LOWEST, HIGHEST)
    axes.set_xlabel("events a second")
    axes.set_ylabel("dollars a million events")
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    # Without the library's version in it, the file depends on the figures alone.
    figure.savefig(file, dpi=110, metadata={"Software": None})
