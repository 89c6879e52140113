"""`cqc doctor`: a live check of a pipeline; the work is in tools/doctor."""

from typing import Annotated

import typer

from tools.commands.options import ChainFile, Dataset, Json, Project, Region

Probe = Annotated[
    bool,
    typer.Option("--probe", help="Send a marked message through as well; it leaves no features."),
]


def doctor(
    probe: Probe = False,
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

    options = PipelineOptions(chain, project, region, dataset)
    raise typer.Exit(run(locate(options), probe, options.words(), as_json))
