"""`cqc dead-letters`: what is wrong, and the command that fixes it; the work is in tools/redrive."""

from tools.commands.options import (
    ChainFile,
    Dataset,
    Json,
    Location,
    Project,
    Reason,
    Region,
    Since,
    Timeout,
    Until,
)


def dead_letters(
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    location: Location = None,
    timeout: Timeout = None,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Group dead letters by reason and field, each with the command that fixes it.

    Each once, however often it was recorded; what is fixed most easily comes first.
    """
    from tools.pipeline.deployment import PipelineOptions, locate
    from tools.redrive.listing import run
    from tools.replay.selection import select

    options = PipelineOptions(chain, project, region, dataset)
    pipeline = locate(options)
    selection = select(reason, since, until, location=location)
    run(pipeline, selection, options.words(), timeout, as_json)
