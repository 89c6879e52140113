"""What a command reports instead of a traceback.

    CommandError           it could not do what it was asked: exit code 2
    ├── UsageError         because the command line, or what it names, must change
    └── ProblemsFound      it did, and found something wrong: exit code 1

`main` in tools/__main__.py turns them into one sentence on stderr; EXIT_CODES is the table for all commands.
"""

from collections.abc import Iterable

EXIT_CODES = "Exit codes: 0 done, 1 found something wrong, 2 could not do it."


class CommandError(Exception):
    """The text is for a person: what happened, to what, and what to do next."""

    exit_code = 2


class UsageError(CommandError):
    """The command line, or what it names, must change before the command can work."""


class ProblemsFound(CommandError):
    """The command did its work and found something wrong, such as events that were not accepted."""

    exit_code = 1


def choose(option: str, name: str, choices: Iterable[str]) -> str:
    """`name`, if it is one of the choices; raises UsageError that lists them."""
    known = list(choices)
    if name not in known:
        raise UsageError(f"{option} {name}: choose one of {', '.join(known)}")
    return name
