"""What a command reports instead of a traceback.

    CommandError      the command could not do its work: exit code 1
    └── UsageError    it was asked to do something impossible: exit code 2

`main` in tools/__main__.py turns them into one sentence on stderr.
"""

from collections.abc import Iterable


class CommandError(Exception):
    """The text is for a person: what happened, to what, and what to do next."""

    exit_code = 1


class UsageError(CommandError):
    """The command line, or what it names, must change before the command can work."""

    exit_code = 2


def choose(option: str, name: str, choices: Iterable[str]) -> str:
    """`name`, if it is one of the choices; raises UsageError that lists them."""
    known = list(choices)
    if name not in known:
        raise UsageError(f"{option} {name}: choose one of {', '.join(known)}")
    return name
