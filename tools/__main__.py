"""The `cqc` command line, which is also `python -m tools`."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated

import typer

from shared import __version__
from tools import endings
from tools.commands.cost import cost
from tools.commands.dead_letters import dead_letters
from tools.commands.doctor import doctor
from tools.commands.explain import explain
from tools.commands.features import features
from tools.commands.flush import flush
from tools.commands.heal_online import heal_online
from tools.commands.kill import kill
from tools.commands.pause import pause
from tools.commands.publish import publish
from tools.commands.query import query
from tools.commands.redrive import redrive
from tools.commands.replay import replay
from tools.commands.restart import restart
from tools.commands.resume import resume
from tools.commands.sample import sample
from tools.commands.status import status
from tools.commands.tail import tail
from tools.commands.trace import trace
from tools.commands.up import up
from tools.commands.validate import validate
from tools.commands.verify_windows import verify_windows
from tools.console import visible
from tools.errors import EXIT_CODES, CommandError
from tools.proxies import keep_loopback_direct

COMMANDS: dict[Callable[..., None], str] = {
    up: "cqc up --trace --flush-every 10",
    sample: "cqc sample 1000 --bad 0.03 --duplicates 0.05 > events.jsonl",
    validate: "cqc validate events.jsonl",
    publish: "cqc sample 1000 | cqc publish - --rate 100",
    query: "cqc query 'SELECT COUNT(*) AS events FROM realtime_features_unique'",
    features: "cqc features 1-466088203",
    flush: "cqc flush",
    kill: "cqc kill features",
    restart: "cqc restart pubsub",
    pause: "cqc pause bigquery --for 20",
    resume: "cqc resume bigquery",
    replay: "cqc replay --errors --reason schema_error --since 2h --to topic --dry-run",
    dead_letters: "cqc dead-letters --since 2h",
    redrive: 'cqc redrive --set \'metrics.new_beds=int(event["metrics"]["new_beds"])\'',
    explain: "cqc explain visit-7",
    verify_windows: "cqc verify-windows --from 4h",
    heal_online: "cqc heal-online --from 2h --to 10m --dry-run",
    status: "cqc status --watch",
    doctor: "cqc doctor",
    tail: "cqc tail --location 1-466088203 --since 10m",
    trace: "cqc trace latest",
    cost: "cqc cost --rate 50 --driver push",
}
"""Each with its example, in the order of --help: running the chain, repairing, inspecting, the bill."""

app = typer.Typer(
    name="cqc",
    help="Run the care-home feature pipeline on this machine, feed it and look inside, here or deployed.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # plain help does not import rich
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cqc {__version__}")
        raise typer.Exit


@app.callback()
def cqc(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Run the care-home feature pipeline on this machine, feed it and look inside, here or deployed."""


def _in_words(command: Callable[..., None]) -> Callable[..., None]:
    """The command, whose Ctrl-C and closed pipe typer does not see."""

    @wraps(command)
    def in_words(*arguments: object, **options: object) -> None:
        with endings.in_words():
            command(*arguments, **options)

    return in_words


for command, example in COMMANDS.items():
    # The short help whole: typer would cut it at the width of a terminal.
    summary = (command.__doc__ or "").split("\n\n")[0]
    epilog = f"Example:\n\n\b\n  {example}\n\n{EXIT_CODES}"
    app.command(short_help=summary, epilog=epilog)(_in_words(command))


def main() -> None:
    """Runs the command line; an expected error ends in one sentence and an exit code, never a traceback."""
    keep_loopback_direct()
    try:
        endings.check_output()
        with endings.in_words():
            app()
    except CommandError as error:
        typer.echo(f"cqc: {visible(str(error))}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
