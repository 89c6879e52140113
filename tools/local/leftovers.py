"""What a `cqc up` that got SIGKILL left behind.

On Linux its parts end with it, but for one that was paused: that takes no other signal before it goes on, and
keeps its port. Elsewhere all of them are left.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tools.errors import CommandError
from tools.local.process import GRACE, OWNER
from tools.pipeline import address
from tools.pipeline.processes import PROC, look

_POLL = 0.02


def end_leftovers(chain_file: Path, report: Callable[[str], None]) -> None:
    """Ends the parts that the file names, where they are that chain's still.

    Call it only when no chain runs with this file. Waits until their ports are free.
    """
    try:
        stale = address.read(chain_file)
    except CommandError:
        return  # there is none, or it is no chain's
    owner = stale.pid
    left = {name: pid for name, pid in stale.parts.items() if owner and _is_left(pid, owner)}
    for pid in left.values():
        with suppress(ProcessLookupError, PermissionError):  # it has ended meanwhile
            os.killpg(pid, signal.SIGKILL)  # what a stand-in keeps, it has on disk already
    if left:
        report(f"ended what process {owner}, an earlier `cqc up`, had left behind: {', '.join(left)}")
    deadline = time.monotonic() + GRACE
    while any(map(_has_members, left.values())) and time.monotonic() < deadline:
        time.sleep(_POLL)


def _is_left(pid: int, owner: int) -> bool:
    """Whether the process is a part of that chain; the id may be another program's by now."""
    found = look(pid)
    if found is None or found.parent == owner:
        return False
    return f"{OWNER}={owner}" in _environment(pid)


def _has_members(group: int) -> bool:
    """Whether anything is left of a part, such as a worker, which holds its port as well."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return False
    return True


def _environment(pid: int) -> list[str]:
    """NAME=VALUE each, and the command line's words where only ps knows; none of another user's process."""
    if PROC.joinpath("self").exists():
        try:
            return PROC.joinpath(str(pid), "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return []
    listed = subprocess.run(
        ["ps", "-Eww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.split()
