"""`cqc verify-windows`: settled windows against their rows; the work is in tools/windows."""

from typing import Annotated

import typer

from tools.commands.options import (
    ChainFile,
    Dataset,
    Json,
    OptionalRangeFrom,
    OptionalRangeTo,
    Project,
    Region,
)


def verify_windows(
    since: OptionalRangeFrom = None,
    until: OptionalRangeTo = None,
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

    They are recomputed from the rows of realtime_features_unique. Without --to the newest settled windows are
    the last ones, without --from those of the day before --to.
    """
    from tools.pipeline.deployment import PipelineOptions, locate
    from tools.windows.command import run

    options = PipelineOptions(chain, project, region, dataset)
    run(locate(options), since, until, repair, feature_store, options.words(), as_json)
