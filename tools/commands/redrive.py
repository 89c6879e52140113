"""`cqc redrive`: dead letters edited, checked and sent again once; the work is in tools/redrive."""

from pathlib import Path
from typing import Annotated

import typer

from tools.commands.options import (
    ChainFile,
    Dataset,
    EventId,
    Field,
    Grep,
    Json,
    Limit,
    Location,
    Project,
    Reason,
    Region,
    Since,
    Stage,
    Until,
)


def redrive(
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=EXPRESSION", help="Set a field, from Python over `event`."),
    ] = None,
    removals: Annotated[
        list[str] | None, typer.Option("--unset", metavar="PATH", help="Remove a field.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the events to a file for editing by hand.")
    ] = None,
    edited: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Send the edited file of --export.")
    ] = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    event_id: EventId = None,
    location: Location = None,
    stage: Stage = None,
    field: Field = None,
    grep: Grep = None,
    limit: Limit = None,
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Fix dead letters, check them, and send them again once.

    Without --set and --unset, what a fixed release accepts is sent as it is.
    """
    from tools.pipeline.deployment import PipelineOptions, locate
    from tools.redrive.command import Changes, run
    from tools.replay.selection import select

    options = PipelineOptions(chain, project, region, dataset)
    pipeline = locate(options)
    selection = select(reason, since, until, event_id, location, stage, grep, field)
    changes = Changes(settings or (), removals or (), export, edited)
    run(pipeline, selection, limit, changes, yes, options.words(), as_json)
