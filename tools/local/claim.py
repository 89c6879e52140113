"""One chain at a time in a folder: a second would take over the first's file and logs."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.errors import CommandError, UsageError

LOCK = "lock"


@contextmanager
def claimed(state: Path) -> Iterator[None]:
    """Inside, the folder is this process's; raises UsageError that names the process that has it.

    The kernel releases the lock of a process that dies, so no file that is left behind is in the way.
    """
    path = state / LOCK
    try:
        state.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+")
    except OSError as error:
        raise CommandError(
            f"{path} can't be written ({error.strerror}): is {state} a writable folder?"
        ) from None
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UsageError(
                f"process {lock.read().strip()} already runs a chain with its files in {state}: stop it with "
                "Ctrl-C in its terminal, or run `cqc up --port-base 0` in another folder"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
