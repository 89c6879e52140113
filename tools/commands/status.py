"""`cqc status`: the pipeline on one screen; the facts are from tools/health."""

from typing import Annotated

import typer

from tools.commands.options import ChainFile, Dataset, Every, Json, Project, Region

Watch = Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")]


def status(
    watch: Watch = False,
    every: Every = None,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Show what flows, waits and fails, on one screen.

    What a service does not say is a dash, with the reason below. --watch looks every 2 s at a chain on this
    machine, every 30 s at a deployment.
    """
    from tools.errors import UsageError
    from tools.pipeline.deployment import PipelineOptions, locate
    from tools.status import report

    if every is not None and not watch:
        raise UsageError("--every belongs to --watch: give both")
    pipeline = locate(PipelineOptions(chain, project, region, dataset))
    if watch:
        report.watch(pipeline, every, as_json)
    else:
        report.show(pipeline, as_json)
