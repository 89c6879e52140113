"""What a command reports instead of a traceback.

    CommandError      the command could not do its work: exit code 1
    └── UsageError    it was asked to do something impossible: exit code 2

`main` in tools/__main__.py turns them into one sentence on stderr.
"""


class CommandError(Exception):
    """The text is for a person: what happened, to what, and what to do next."""

    exit_code = 1


class UsageError(CommandError):
    """The command line, or what it names, must change before the command can work."""

    exit_code = 2
