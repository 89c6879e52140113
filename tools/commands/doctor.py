"""`cqc doctor`: a live check of a pipeline; the work is in tools/doctor."""

import typer

from tools.commands.options import ChainFile, Dataset, Json, Project, Region


def doctor(
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Check a live pipeline, and name the commands that fix it.

    Each part is ok, wrong or can't tell; the exit code is 1 when something is wrong.
    """
    from tools.doctor.report import run
    from tools.pipeline.deployment import PipelineOptions, locate

    raise typer.Exit(run(locate(PipelineOptions(chain, project, region, dataset)), as_json))
