"""`cqc status`: the pipeline on one screen; the facts are from tools/health."""

from typing import Annotated

import typer

from tools.commands.options import ChainFile, Dataset, Json, Project, Region

Watch = Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")]
Every = Annotated[
    float | None,
    typer.Option(min=0.1, metavar="SECONDS", help="With --watch: 2 seconds locally, 30 on a deployment."),
]


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

    What a service does not say is a dash, with the reason below.
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
