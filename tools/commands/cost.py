"""`cqc cost`: dollars a month and a million events, by service."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands.options import Json


def cost(
    rate: Annotated[
        float,
        typer.Option(min=0.0, max=1e6, metavar="EVENTS", help="Events a second, the month through."),
    ],
    event_bytes: Annotated[
        float | None,
        typer.Option(min=1.0, max=1_000_000.0, metavar="BYTES", help="Of an event [the benchmark's sample]."),
    ] = None,
    locations: Annotated[
        int, typer.Option(min=1, metavar="N", help="That events come from, all alike.")
    ] = 55_000,
    driver: Annotated[
        str | None, typer.Option(metavar="push|pull", help="The chain by this one only, and Dataflow.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw dollars a million events by rate (PNG).")
    ] = None,
    as_json: Json = False,
) -> None:
    """What a month costs at list price: by push, by pull, and as a Dataflow job instead."""
    from tools.console import console, print_json, table
    from tools.cost import chart as drawing
    from tools.cost import measurements, prices, report
    from tools.cost.model import BILLS, Basis, on_top
    from tools.cost.operations import Demand
    from tools.errors import choose

    names = list(BILLS)
    if driver is not None:
        names = [choose("--driver", driver, ("push", "pull")), "Dataflow"]
    (listed, basis), measured = prices.load(), measurements.load()
    demand = Demand(rate, locations, event_bytes or measured.event_bytes)
    made = report.bills(Basis(listed, measured, demand), names)
    more = on_top(Basis(listed, measured, demand))
    if as_json:
        print_json(report.to_dict(measured, demand, [*made, more]))
    else:
        title = (
            f"{rate:g} events/s of {demand.event_bytes:.0f} bytes from {locations:,} locations, in dollars"
        )
        shown = [*report.rows(made), *report.totals(made, rate)]
        console().print(table(report.head(made), report.aligned(shown), title))
        console().print(table(report.head([more]), report.aligned(report.rows([more]))))
        for sentence in [report.note(measured), *report.price_notes(listed, basis)]:
            typer.echo(sentence)
    if chart is not None:
        drawing.draw(listed, measured, demand, chart)
