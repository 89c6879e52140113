"""What the system says of the processes of a chain on this machine: who started them, whether they run."""

import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from shared.topology import FUNCTIONS
from tools.pipeline.address import ChainFile

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    parent: int
    """Its id."""
    is_stopped: bool
    """By a signal, as `cqc pause` sends: it runs no instruction until it gets another."""


def look(pid: int) -> Process | None:
    """None when it is gone."""
    if PROC.joinpath("self").exists():
        try:
            # The second field, the program's name in parentheses, may itself hold any of these characters.
            state, parent = PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            return None
        return Process(int(parent), state in "Tt")
    listed = subprocess.run(
        ["ps", "-o", "ppid=,stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    return Process(int(listed[0]), listed[1].startswith("T")) if listed else None


class Condition(StrEnum):
    """Of a part, by its process."""

    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


def conditions(chain: ChainFile) -> dict[str, Condition]:
    """Of all parts of a chain that `cqc up` runs here; empty for an address without processes."""
    if chain.pid is None:
        return {}
    return {part: _condition(chain.parts.get(part), chain.pid) for part in part_names(chain)}


def _condition(pid: int | None, parent: int) -> Condition:
    found = None if pid is None else look(pid)
    if found is None or found.parent != parent:
        return Condition.ENDED
    return Condition.PAUSED if found.is_stopped else Condition.RUNNING


def part_names(chain: ChainFile) -> list[str]:
    services = ["pubsub", "firestore", "bigquery", "feature-store", *FUNCTIONS]
    return [*services, "otlp"] if chain.otlp else services
