"""Dollars a million events against the rate, as a PNG that is the same for the same figures."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from tools.cost.crossing import HIGHEST, LOWEST, crossings, rates
from tools.cost.measurements import Measurements
from tools.cost.model import BILLS, Basis
from tools.cost.operations import Demand
from tools.cost.prices import Prices
from tools.errors import CommandError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = {"push": ("#1f6fb4", "-"), "pull": ("#2e8b57", "--"), "Dataflow": ("#c4541c", "-.")}
DIGEST = "Description"
"""The text in the PNG that says which figures it shows: a test compares it."""

Curves = Mapping[str, list[float]]
"""Bill to dollars a million events at rates()."""


def curves(prices: Prices, measured: Measurements, demand: Demand) -> Curves:
    """At rates(), whatever the demand's own is."""
    return {name: [_per_million(name, prices, measured, demand, rate) for rate in rates()] for name in BILLS}


def _per_million(name: str, prices: Prices, measured: Measurements, demand: Demand, rate: float) -> float:
    return BILLS[name](Basis(prices, measured, replace(demand, rate=rate))).per_million(rate)


def digest(shown: Curves) -> str:
    """To a thousandth, so that another machine's last bit changes nothing."""
    text = ";".join(f"{name} {[f'{value:.3g}' for value in values]}" for name, values in shown.items())
    return sha256(text.encode()).hexdigest()[:16]


def draw(prices: Prices, measured: Measurements, demand: Demand, file: Path) -> None:
    """Log-log, with the rates at which two of them are equal; raises CommandError."""
    shown = curves(prices, measured, demand)
    figure = canvas(8, 4.8)
    axes = figure.add_subplot()
    for name, (colour, style) in STYLES.items():
        axes.loglog(rates(), shown[name], style, color=colour, label=name)
    for rate, height in _equal(prices, measured, demand):
        axes.plot([rate], [height], "o", color="black", markersize=4)
        text = f"{rate:,.1f}/s" if rate < 10 else f"{rate:,.0f}/s"
        axes.annotate(text, (rate, height), (4, 6), textcoords="offset points", fontsize=9)
    axes.set_xlim(LOWEST, HIGHEST)
    axes.set_xlabel("events a second")
    axes.set_ylabel("dollars a million events")
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    save(figure, file, digest(shown))


def _equal(prices: Prices, measured: Measurements, demand: Demand) -> Iterator[tuple[float, float]]:
    """Rate and dollars a million events where two of the bills cross."""

    def at(name: str, rate: float) -> float:
        return _per_million(name, prices, measured, demand, rate)

    for first, second in combinations(BILLS, 2):
        for point in crossings(lambda rate: at(first, rate) - at(second, rate)):  # noqa: B023 - used up here
            yield point.rate, at(first, point.rate)


def canvas(width: float, height: float) -> "Figure":
    """In inches; raises CommandError where matplotlib is missing. It takes a second to import."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise CommandError("a chart needs matplotlib: python -m pip install -e '.[dev]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: "Figure", file: Path, shows: str) -> None:
    """As PNG, whatever the file is called; raises CommandError."""
    try:
        # Without the library's version in it, the file depends on the figures alone.
        figure.savefig(file, format="png", dpi=110, metadata={"Software": None, DIGEST: shows})
    except OSError as error:
        raise CommandError(
            f"{file} can't be written ({error.strerror}): name a file in a folder that is there"
        ) from error
