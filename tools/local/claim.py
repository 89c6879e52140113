"""One chain at a time in a folder: a second would take over the first's file and logs."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tools.errors import CommandError, UsageError

LOCK = "lock"


@contextmanager
def claimed(state: Path) -> Iterator[None]:
    """Inside, the folder is this process's; raises UsageError that names the process that has it.

    The kernel releases the lock of a process that dies, so a file that it leaves behind is not in the way.
    """
    path = state / LOCK
    with _locked(path) as lock:
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # before the lock ends, so that it is never another chain's


def _locked(path: Path) -> IO[str]:
    while True:
        lock = _open(path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with lock:
                raise UsageError(
                    f"process {lock.read().strip()} already runs a chain with its files in {path.parent}: "
                    "stop it with Ctrl-C in its terminal, or run `cqc up --port-base 0` in another folder"
                ) from None
        if _is_at(path, lock):
            return lock
        lock.close()  # a chain that has just ended removed it: a lock on it keeps nobody out


def _open(path: Path) -> IO[str]:
    """The file to lock, at its beginning."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+")
    except OSError as error:
        raise CommandError(
            f"{path} can't be written ({error.strerror}): is {path.parent} a writable folder?"
        ) from None
    lock.seek(0)
    return lock


def _is_at(path: Path, lock: IO[str]) -> bool:
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except FileNotFoundError:
        return False
