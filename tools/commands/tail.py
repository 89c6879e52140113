"""`cqc tail`: events as they become rows or dead letters; the work is in tools/tail."""

from tools.commands.options import (
    ChainFile,
    Dataset,
    EventType,
    Every,
    Json,
    Location,
    Project,
    Reason,
    Region,
    Since,
    Timeout,
)


def tail(
    location: Location = None,
    event_type: EventType = None,
    reason: Reason = None,
    since: Since = None,
    every: Every = None,
    timeout: Timeout = None,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Show events as they become rows or dead letters.

    From now on, or since a time, until Ctrl-C; --json prints one object a line. It looks every second at a
    chain on this machine, every 10 s at a deployment.
    """
    from tools.pipeline.deployment import PipelineOptions, locate
    from tools.tail.command import run
    from tools.tail.looking import Filters

    pipeline = locate(PipelineOptions(chain, project, region, dataset))
    run(pipeline, Filters(location, event_type, reason), since, every, timeout, as_json)
