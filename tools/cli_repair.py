"""The commands for looking at and mending what happened: replay, and those beside it.

They work on the chain of this machine, or with --project on a deployed pipeline.
"""

from pathlib import Path
from typing import Annotated

import typer

ChainFile = Annotated[
    Path | None,
    typer.Option(
        "--chain", envvar="CQC_CHAIN", metavar="FILE", help="The chain's file, or a deployment's settings."
    ),
]
Project = Annotated[str | None, typer.Option(help="A deployed pipeline instead of the local chain.")]
Region = Annotated[str | None, typer.Option(help="Its region [europe-west2].")]
Dataset = Annotated[str | None, typer.Option(help="Its BigQuery dataset [cqc_dataset].")]
Json = Annotated[bool, typer.Option("--json", help="JSON for machines instead of tables.")]

Source = Annotated[
    str | None, typer.Argument(metavar="[FILE|-]", help="JSON lines: events, or recorded push bodies.")
]
Errors = Annotated[bool, typer.Option("--errors", help="Take dead letters from streaming_errors.")]
Subscription = Annotated[
    str | None, typer.Option(metavar="NAME", help="Pull from a subscription: monitor, dead-letter, any name.")
]
Seek = Annotated[
    str | None, typer.Option(metavar="NAME", help="Let Pub/Sub deliver again; needs one of the next two.")
]
ToTime = Annotated[str | None, typer.Option(metavar="TIME", help="What came after it.")]
ToSnapshot = Annotated[str | None, typer.Option(metavar="NAME", help="What the snapshot holds.")]

_Time = typer.Option(metavar="TIME", help="Like 2026-01-31T12:00:00Z, or 90m for 90 minutes ago.")
ErrorType = Annotated[str | None, typer.Option(help="Only dead letters of this reason.")]
Since = Annotated[str | None, _Time]
Until = Annotated[str | None, _Time]
EventId = Annotated[str | None, typer.Option(help="Only this event.")]
Location = Annotated[str | None, typer.Option(help="Only events of this location.")]
Stage = Annotated[str | None, typer.Option(help="Only what this function gave up, or would take.")]
Grep = Annotated[str | None, typer.Option(metavar="REGEX", help="Only events whose bytes match.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many events.")]

To = Annotated[
    str | None,
    typer.Option(metavar="URL|function|topic[:NAME]", help="One function, or the topics that feed them."),
]
Wrapping = Annotated[
    str,
    typer.Option("--as", metavar="SHAPE", help="wrapped, cloudevent-binary or cloudevent-structured."),
]
Rate = Annotated[float | None, typer.Option(min=0.1, help="Events per second at most.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would go, send nothing.")]
Failed = Annotated[Path, typer.Option(metavar="FOLDER", help="Where events that were not taken are saved.")]

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=EXPRESSION", help="Set a field, from Python over `event`."),
]
Removals = Annotated[list[str] | None, typer.Option("--unset", metavar="PATH", help="Remove a field.")]
Export = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the events to edit them by hand.")]
Edited = Annotated[Path | None, typer.Option(metavar="FILE", help="Take the edited file of --export.")]
From = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="The first window [a day before --to].")
]
ToWindow = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="Windows before it [the newest settled one].")
]
Repair = Annotated[bool, typer.Option("--repair", help="Mend them by a new revision.")]
FeatureStore = Annotated[
    bool, typer.Option("--feature-store", help="A deployed pipeline has one: mend what it serves as well.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Send without asking.")]


def replay(
    file: Source = None,
    errors: Errors = False,
    subscription: Subscription = None,
    seek_subscription: Seek = None,
    to_time: ToTime = None,
    to_snapshot: ToSnapshot = None,
    error_type: ErrorType = None,
    since: Since = None,
    until: Until = None,
    event_id: EventId = None,
    location: Location = None,
    stage: Stage = None,
    grep: Grep = None,
    limit: Limit = None,
    to: To = None,
    wrapping: Wrapping = "wrapped",
    rate: Rate = None,
    dry_run: DryRun = False,
    failed: Failed = Path(".cqc") / "failed",
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Send events again with the identity that they had: no count changes twice."""
    from tools.commands import replay
    from tools.pipeline.deployment import Where, locate
    from tools.replay.selection import select

    pipeline = locate(Where(chain, project, region, dataset))
    origin = replay.Origin(file, errors, subscription, seek_subscription)
    if seek_subscription is not None:
        replay.run_seek(pipeline, origin, to_time, to_snapshot)
        return
    selection = select(error_type, since, until, event_id, location, stage, grep)
    sending = replay.Sending(to, wrapping, rate, limit, dry_run, failed)
    replay.run(pipeline, origin, selection, sending, as_json)


def explain(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID")],
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Show everything that is known of one event."""
    from tools.commands import explain
    from tools.pipeline.deployment import Where, locate

    explain.run(locate(Where(chain, project, region, dataset)), event_id, as_json)


def redrive(
    settings: Settings = None,
    removals: Removals = None,
    export: Export = None,
    edited: Edited = None,
    error_type: ErrorType = None,
    since: Since = None,
    until: Until = None,
    event_id: EventId = None,
    location: Location = None,
    stage: Stage = None,
    grep: Grep = None,
    limit: Limit = None,
    yes: Yes = False,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Mend dead letters, check them with the current code, and send them again once."""
    from tools.commands import redrive
    from tools.pipeline.deployment import Where, locate
    from tools.replay.selection import select

    pipeline = locate(Where(chain, project, region, dataset))
    selection = select(error_type, since, until, event_id, location, stage, grep)
    changes = redrive.Changes(settings or (), removals or (), export, edited)
    redrive.run(pipeline, selection, limit, changes, yes, as_json)


def verify_windows(
    since: From = None,
    until: ToWindow = None,
    repair: Repair = False,
    feature_store: FeatureStore = False,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Recompute settled windows from the features rows and list those that differ."""
    from tools.commands import verify_windows
    from tools.pipeline.deployment import Where, locate

    pipeline = locate(Where(chain, project, region, dataset))
    verify_windows.run(pipeline, since, until, repair, feature_store, as_json)


COMMANDS = (replay, redrive, explain, verify_windows)
