"""The `cqc` command line, which is also `python -m tools`."""

import os
import sys

import typer

from tools.commands.doctor import doctor
from tools.commands.explain import explain
from tools.commands.features import features
from tools.commands.flush import flush
from tools.commands.heal_online import heal_online
from tools.commands.publish import publish
from tools.commands.query import query
from tools.commands.redrive import redrive
from tools.commands.replay import replay
from tools.commands.sample import sample
from tools.commands.trace import trace
from tools.commands.up import up
from tools.commands.validate import validate
from tools.commands.verify_windows import verify_windows
from tools.errors import CommandError

COMMANDS = (
    *(up, sample, validate, publish, query, features, flush),
    *(replay, redrive, explain, verify_windows, heal_online),
    *(doctor, trace),
)
"""In the order in which --help lists them: running the chain, repairing, inspecting."""

app = typer.Typer(
    name="cqc",
    help="Run the care-home feature pipeline on this machine, feed it and look inside.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help does not import rich
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Runs the command line; an expected error ends in one sentence and an exit code, never a traceback."""
    try:
        app()
    except CommandError as error:
        typer.echo(f"cqc: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader, such as `head`, has all it wanted; Python would complain when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
