"""How a command ends that is interrupted, or whose output nobody takes: in words, with the usual exit codes.

typer would exit with 130 or 1 there, and Python at its end with 120.
"""

import errno
import os
import select
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

from tools.errors import CommandError, UsageError

_OUTPUT = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
"""What a write to stdout may fail with, apart from a closed pipe."""

_INTERRUPTED = 130
"""typer's own code for a Ctrl-C that comes before the command."""


def check_output() -> None:
    """Makes every text writable, whatever stdout's encoding; raises CommandError when there is no stdout."""
    if sys.stdout is None:
        raise CommandError("the output can't be written: standard output is closed")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def in_words() -> Iterator[None]:
    """Inside, an interruption or an output that can't be written is a CommandError, a closed pipe the end."""
    try:
        yield
    except KeyboardInterrupt:
        raise CommandError("interrupted") from None
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            raise CommandError("interrupted") from None
        raise
    except BrokenPipeError:
        _discard_output()
        raise SystemExit(0) from None  # the reader, such as `head`, has all that it wanted
    except OSError as error:
        if error.filename is None and error.errno in _OUTPUT:
            _discard_output()
            raise CommandError(f"the output can't be written ({error.strerror})") from None
        if error.filename is None and error.errno == errno.ENOENT:
            raise UsageError("this folder has been deleted: change to one that exists") from None
        raise


@contextmanager
def or_nothing(undone: str) -> Iterator[None]:
    """Inside, a closed pipe is a CommandError: what the command would do after its output is not done."""
    try:
        yield
    except BrokenPipeError:
        _discard_output()
        raise CommandError(undone) from None


def wait(seconds: float) -> None:
    """Until then; raises BrokenPipeError when stdout's reader goes meanwhile, as a write would."""
    if not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
        time.sleep(seconds)  # a terminal or a file is there until the end: nothing to look at meanwhile
        return
    reader = select.poll()
    reader.register(sys.stdout.fileno(), 0)  # nothing but its end
    if reader.poll(seconds * 1000):
        raise BrokenPipeError


def _discard_output() -> None:
    """Python flushes what is left when it ends, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
