"""`cqc verify-windows`: settled windows against their rows; the work is in tools/windows."""

from typing import Annotated

import typer

from tools.commands.options import ChainFile, Dataset, Json, Project, Region


def verify_windows(
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="The first window [a day before --to].")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Windows before it [the newest settled one].")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Fix them with a new revision.")] = False,
    feature_store: Annotated[
        bool,
        typer.Option("--feature-store", help="The deployment has one: fix what it serves as well."),
    ] = False,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Recompute settled windows and list those that differ.

    They are recomputed from the rows of realtime_features_unique.
    """
    from tools.pipeline.deployment import PipelineOptions, locate
    from tools.windows.command import run

    pipeline = locate(PipelineOptions(chain, project, region, dataset))
    run(pipeline, since, until, repair, feature_store, as_json)
