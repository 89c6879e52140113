"""What the system says of a process on this machine: who started it, and whether it is stopped."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    parent: int
    """Its id."""
    is_stopped: bool
    """By a signal, as `cqc pause` sends: it runs no instruction until it gets another."""


def look(pid: int) -> Process | None:
    """None when it is gone."""
    if _PROC.joinpath("self").exists():
        try:
            # The second field, the program's name in parentheses, may itself hold any of these characters.
            state, parent = _PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            return None
        return Process(int(parent), state in "Tt")
    listed = subprocess.run(
        ["ps", "-o", "ppid=,stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    return Process(int(listed[0]), listed[1].startswith("T")) if listed else None
