"""The options that several commands share, each with its one help text."""

from pathlib import Path
from typing import Annotated

import typer

from shared.topology import DATASET, REGION
from tools.times import LONGEST

# Which pipeline; tools/pipeline/deployment.py reads the environment itself, as an option must win over it.
ChainFile = Annotated[
    Path | None,
    typer.Option(
        "--chain",
        metavar="FILE",
        help="A chain's file, or a deployment's settings [CQC_CHAIN, ./cqc.toml or ./.cqc/chain.json].",
    ),
]
Project = Annotated[
    str | None, typer.Option(help="A deployed pipeline instead of the local chain [CQC_PROJECT].")
]
Region = Annotated[str | None, typer.Option(help=f"The deployment's region [CQC_REGION, or {REGION}].")]
Dataset = Annotated[
    str | None, typer.Option(help=f"The deployment's BigQuery dataset [CQC_DATASET, or {DATASET}].")
]

# Which events.
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="From this time on: 2026-01-31T12:00:00Z, or 90m for 90 minutes ago."),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Before this time.")]
Every = Annotated[
    float | None,
    typer.Option(min=0.1, max=LONGEST, metavar="SECONDS", help="Between two looks, instead of the default."),
]
Reason = Annotated[str | None, typer.Option(help="Only dead letters with this reason.")]
Field = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="Only dead letters whose message names this field first; '' for none."),
]
EventType = Annotated[str | None, typer.Option("--type", help="Only events of this type.")]
EventId = Annotated[str | None, typer.Option(help="Only this event.")]
Location = Annotated[str | None, typer.Option(help="Only events of this location.")]
Stage = Annotated[str | None, typer.Option(help="Only events that this function rejected, or would receive.")]
Grep = Annotated[str | None, typer.Option(metavar="REGEX", help="Only events whose bytes match.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most this many events.")]

Part = Annotated[
    str, typer.Argument(metavar="PART", help="As `cqc up` lists it, such as features or pubsub.")
]

# How.
Timeout = Annotated[
    float | None,
    typer.Option(min=0.1, max=LONGEST, metavar="SECONDS", help="How long to wait for one answer."),
]
Rate = Annotated[float | None, typer.Option(min=0.1, help="At most this many events per second.")]
EventLines = Annotated[
    str, typer.Argument(metavar="FILE|-", help="JSON lines, one event each; - is standard input.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]

_FROM = typer.Option("--from", metavar="TIME", help="The start of the range, included.")
RangeFrom = Annotated[str, _FROM]
OptionalRangeFrom = Annotated[str | None, _FROM]
OptionalRangeTo = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="The end of the range, excluded.")
]
# As dead letters name a range: its newest event is in it.
RangeToLast = Annotated[
    str, typer.Option("--to", metavar="LAST-TIME", help="The end of the range, included.")
]
