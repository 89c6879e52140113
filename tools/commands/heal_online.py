"""`cqc heal-online`: online values written again from the tables; the work is in tools/heal."""

from typing import Annotated

import typer

from tools.commands.options import ChainFile, Dataset, Json, Project, Region


def heal_online(
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="Events from this time on.")],
    until: Annotated[str, typer.Option("--to", metavar="TIME", help="Events up to this time.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count the locations; write nothing.")] = False,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Write the online store's values of a range again.

    They are taken from the tables; what the store has that is newer stays.
    """
    from tools.heal.command import run
    from tools.pipeline.deployment import PipelineOptions, locate

    run(locate(PipelineOptions(chain, project, region, dataset)), since, until, dry_run, as_json)
