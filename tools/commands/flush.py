"""`cqc flush`: has the aggregate function called once, as the scheduler does each minute."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tools.commands.options import ChainFile, Dataset, Json, Project, Region

if TYPE_CHECKING:
    from tools.pipeline.deployment import Deployment


def flush(
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Call the flush once and show what it did.

    On a deployment Cloud Scheduler calls it, and what it did is in the log of aggregate.
    """
    from tools.console import console, print_json, table
    from tools.pipeline import flushing
    from tools.pipeline.deployment import Deployment, PipelineOptions, locate

    pipeline = locate(PipelineOptions(chain, project, region, dataset))
    if isinstance(pipeline, Deployment):
        _run_schedule(pipeline, as_json)
        return
    summary = flushing.flush(pipeline.functions["aggregate"])
    if as_json:
        print_json(summary)
        return
    console().print(table(("flush", ""), _lines(summary)))


def _run_schedule(deployment: "Deployment", as_json: bool) -> None:
    from tools.console import console, print_json
    from tools.pipeline import google_rest, schedule
    from tools.pipeline.connect import credentials

    jobs = schedule.jobs_of(deployment)
    session = google_rest.authorized(credentials(deployment.project))
    rest = google_rest.GoogleRest(session, schedule.TIMEOUT)
    for job in jobs:
        schedule.run_now(job, rest)
    log = (
        f"gcloud functions logs read {deployment.name_prefix}-aggregate --limit 20 "
        f"--project {deployment.project} --region {deployment.region}"
    )
    if as_json:
        print_json({"jobs": jobs, "log": log})
    else:
        console().out(
            f"Cloud Scheduler is calling the flush ({', '.join(jobs)}); what it did is in its log:\n{log}"
        )


def _lines(summary: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """One line per value; those of a group carry its name."""
    for name, value in summary.items():
        words = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _lines(value, f"{words} ")
        elif value != "":
            yield words, value
