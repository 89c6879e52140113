"""The commands for looking at a pipeline as a whole: its health, and the spans of one event."""

from pathlib import Path
from typing import Annotated

import typer

ChainFile = Annotated[
    Path | None,
    typer.Option("--chain", envvar="CQC_CHAIN", metavar="FILE", help="The chain's file [.cqc/chain.json]."),
]
Project = Annotated[str | None, typer.Option(help="A deployed pipeline instead of the local chain.")]
Region = Annotated[str | None, typer.Option(help="Its region [europe-west2].")]
Dataset = Annotated[str | None, typer.Option(help="Its BigQuery dataset [cqc_dataset].")]
Json = Annotated[bool, typer.Option("--json", help="JSON for machines instead of tables.")]


def trace(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID|latest")],
    chain: ChainFile = None,
    as_json: Json = False,
) -> None:
    """Show one event's spans, from publish to its row (needs `cqc up --trace`)."""
    from tools.commands import trace

    trace.run(event_id, chain, as_json)


def doctor(
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Check a pipeline live: each thing ok, wrong or can't tell, with the command that mends it."""
    from tools.commands import doctor
    from tools.pipeline.deployment import Where

    raise typer.Exit(doctor.run(Where(chain, project, region, dataset), as_json))


COMMANDS = (doctor, trace)
