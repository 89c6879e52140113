"""`cqc explain`: everything that is known about one event; the work is in tools/explain."""

from typing import Annotated

import typer

from tools.commands.options import ChainFile, Dataset, Json, Project, Region
from tools.errors import UsageError


def explain(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID")],
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Show everything that is known about one event."""
    if not event_id:
        raise UsageError("EVENT_ID is empty: name the event_id, or the id of the event's Pub/Sub message")
    from tools.explain.report import run
    from tools.pipeline.deployment import PipelineOptions, locate

    run(locate(PipelineOptions(chain, project, region, dataset)), event_id, as_json)
