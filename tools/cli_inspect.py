"""The commands for looking at a pipeline from outside: one event's spans."""

from pathlib import Path
from typing import Annotated

import typer

ChainFile = Annotated[
    Path | None,
    typer.Option("--chain", envvar="CQC_CHAIN", metavar="FILE", help="The chain's file [.cqc/chain.json]."),
]
Json = Annotated[bool, typer.Option("--json", help="JSON for machines instead of tables.")]


def trace(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID|latest")],
    chain: ChainFile = None,
    as_json: Json = False,
) -> None:
    """Show one event's spans, from publish to its row (needs `cqc up --trace`)."""
    from tools.commands import trace

    trace.run(event_id, chain, as_json)


COMMANDS = (trace,)
