"""The `cqc` command line. Each command imports what it needs when it runs, so that --help is instant."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tools import cli_inspect, cli_repair
from tools.commands.validate import validate
from tools.errors import CommandError

app = typer.Typer(
    name="cqc",
    help="Run the care-home feature pipeline on this machine, feed it and look inside.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help comes without importing rich
    pretty_exceptions_enable=False,
)

ChainFile = Annotated[
    Path | None,
    typer.Option("--chain", envvar="CQC_CHAIN", metavar="FILE", help="The chain's file [.cqc/chain.json]."),
]
Json = Annotated[bool, typer.Option("--json", help="JSON for machines instead of a table.")]
Share = Annotated[float, typer.Option(min=0.0, max=1.0, metavar="FRACTION")]


@app.command()
def up(
    parts: Annotated[
        str,
        typer.Option(metavar="stand-in|emulators", help="Who plays Pub/Sub and Firestore: ours or Google's."),
    ] = "stand-in",
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Where to write the addresses when all is ready."),
    ] = None,
    flush_every: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How often to call the flush.")
    ] = 60.0,
    port_base: Annotated[
        int, typer.Option(min=0, max=65_000, help="The first of ten ports; 0 takes any that are free.")
    ] = 8600,
    trace: Annotated[bool, typer.Option("--trace", help="Collect spans, for `cqc trace`.")] = False,
) -> None:
    """Start the whole chain; Ctrl-C ends it."""
    from tools.commands import up
    from tools.local.chain import ChainOptions
    from tools.local.parts import parts_kind

    kind = parts_kind(parts)
    up.run(ChainOptions(parts=kind, port_base=port_base, flush_every=flush_every, trace=trace), json_file)


@app.command()
def publish(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="JSON lines; each is sent as it is, also a bad one.")
    ],
    rate: Annotated[float | None, typer.Option(min=0.1, help="Events per second at most.")] = None,
    chain: ChainFile = None,
    as_json: Json = False,
) -> None:
    """Publish events to the chain's first topic."""
    from tools.commands import publish

    publish.run(file, rate, chain, as_json)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="Tables of the chain's dataset need no prefix.")],
    chain: ChainFile = None,
    as_json: Json = False,
) -> None:
    """Query the chain's BigQuery."""
    from tools.commands import query

    query.run(sql, chain, as_json)


@app.command()
def features(
    location_id: Annotated[str, typer.Argument(metavar="LOCATION_ID")],
    chain: ChainFile = None,
    as_json: Json = False,
) -> None:
    """Show what the online store serves for a location now."""
    from tools.commands import features

    features.run(location_id, chain, as_json)


@app.command()
def flush(chain: ChainFile = None, as_json: Json = False) -> None:
    """Call the flush once and show what it did."""
    from tools.commands import flush

    flush.run(chain, as_json)


@app.command()
def sample(
    lines: Annotated[int, typer.Argument(metavar="N", min=0, help="How many lines.")],
    seed: Annotated[int, typer.Option(help="The same seed and --now give the same lines.")] = 1,
    locations: Annotated[int, typer.Option(min=1, max=1_000_000, help="About how many locations.")] = 25,
    bad: Share = 0.0,
    late: Share = 0.0,
    duplicates: Share = 0.0,
    now: Annotated[str | None, typer.Option(metavar="TIME", help="The present for the events [now].")] = None,
) -> None:
    """Write realistic events of all types as JSON lines."""
    from tools.commands import sample
    from tools.sampling.mix import Recipe

    sample.run(Recipe(lines, locations, bad, late, duplicates), seed, now)


for command in (validate, *cli_repair.COMMANDS, *cli_inspect.COMMANDS):
    app.command()(command)


def main() -> None:
    """Runs the command line; a user's mistake ends in one sentence and an exit code, never in a traceback."""
    try:
        app()
    except CommandError as error:
        typer.echo(f"cqc: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader, such as `head`, has all that it wanted; Python would complain when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
