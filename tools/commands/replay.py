"""`cqc replay`: events sent again with the identity they had; the work is in tools/replay."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from tools.commands.options import (
    ChainFile,
    Dataset,
    DryRun,
    EventId,
    Grep,
    Json,
    Limit,
    Location,
    Project,
    Rate,
    Reason,
    Region,
    Since,
    Stage,
    Timeout,
    Until,
)

_File = Annotated[
    str | None, typer.Argument(metavar="[FILE|-]", help="JSON lines: events, or recorded push bodies.")
]
_Errors = Annotated[bool, typer.Option("--errors", help="Take dead letters from streaming_errors.")]
_Subscription = Annotated[
    str | None, typer.Option(metavar="NAME", help="Pull from a subscription: monitor, dead-letter, any name.")
]
_Seek = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Have Pub/Sub deliver again; needs --to-time or --to-snapshot."),
]
_ToTime = Annotated[str | None, typer.Option(metavar="TIME", help="What was published since.")]
_ToSnapshot = Annotated[str | None, typer.Option(metavar="NAME", help="What the snapshot holds.")]
_To = Annotated[
    str | None,
    typer.Option(metavar="URL|function|topic[:NAME]", help="One function, or the topics that feed them."),
]
_Shape = Annotated[
    str,
    typer.Option("--as", metavar="SHAPE", help="wrapped, cloudevent-binary or cloudevent-structured."),
]
_Failed = Annotated[Path, typer.Option(metavar="FOLDER", help="Where to save events that were not accepted.")]


_NOT_IN_A_SEEK = frozenset(
    {"reason", "since", "until", "event_id", "location", "stage", "grep", "limit"} | {"to", "shape", "rate"}
)


def replay(
    context: typer.Context,
    file: _File = None,
    errors: _Errors = False,
    subscription: _Subscription = None,
    seek_subscription: _Seek = None,
    to_time: _ToTime = None,
    to_snapshot: _ToSnapshot = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    event_id: EventId = None,
    location: Location = None,
    stage: Stage = None,
    grep: Grep = None,
    limit: Limit = None,
    to: _To = None,
    shape: _Shape = "wrapped",
    rate: Rate = None,
    dry_run: DryRun = False,
    timeout: Timeout = None,
    failed: _Failed = Path(".cqc") / "failed",
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Send events again with the identity they had.

    No count changes, however often an event is sent; only a FILE's events without an event_id get a new one.
    """
    from tools.pipeline.deployment import PipelineOptions, locate
    from tools.replay import seeking
    from tools.replay.command import Origin, Sending, run
    from tools.replay.selection import select

    origin = Origin(file, errors, subscription, seek_subscription)
    origin.check()
    options = PipelineOptions(chain, project, region, dataset)
    pipeline = locate(options)
    selection = select(reason, since, until, event_id, location, stage, grep)
    if seek_subscription is None:
        seeking.refuse_times(to_time, to_snapshot)
        sending = Sending(to, shape, rate, limit, dry_run, failed, timeout)
        run(pipeline, origin, selection, sending, options.words(), as_json)
        return
    seek = seeking.Seek(seek_subscription, to_time, to_snapshot, dry_run)
    seeking.refuse(seek, _given(context, _NOT_IN_A_SEEK), options.words())
    seeking.run(pipeline, seek, as_json)


def _given(context: typer.Context, names: Collection[str]) -> dict[str, str]:
    """Those of the parameters that stand on the command line, as they are spelt there."""
    return {
        parameter.opts[0]: str(context.params[parameter.name])
        for parameter in context.command.params
        if parameter.name in names and context.params[parameter.name] != parameter.default
    }
