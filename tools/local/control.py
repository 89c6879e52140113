"""Signals to the parts of the chain that runs here, for trying a crash, a restart or an outage.

`cqc up` writes the parts' process ids into the chain's file, and starts a part again when it ends; nothing
else passes between it and these commands.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tools.errors import CommandError, UsageError
from tools.pipeline.address import ChainFile
from tools.pipeline.deployment import PipelineOptions, locate
from tools.pipeline.processes import look, part_names

BACK_TIMEOUT = 60.0
"""Seconds for a part to end and be ready again; measured: 2 to 5 s, several times that on a busy machine."""
_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Replaced:
    """Two processes of a part, one after the other, and the seconds between."""

    before: int
    after: int
    seconds: float
    forgot: str | None
    """What to say of a part that came back without its data."""

    def __str__(self) -> str:
        lost = "" if self.forgot is None else f", without its data{self.forgot}"
        return f"{self.seconds:.1f} s, as process {self.after} instead of {self.before}{lost}"


def send(chain_file: Path | None, part: str, *numbers: signal.Signals) -> int:
    """Signals the part and all that it started; returns its process id. Raises UsageError."""
    pid = _process_of(running_chain(chain_file), part)
    for number in numbers:
        try:
            os.killpg(pid, number)
        except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            raise CommandError(f"{part} ended just now (process {pid}): try again when it is back") from None
    return pid


def end(chain_file: Path | None, part: str, *numbers: signal.Signals) -> Replaced:
    """Ends the part by these signals and waits for its replacement. Raises CommandError without one."""
    before = send(chain_file, part, *numbers)
    started = time.monotonic()
    while (pid := (chain := running_chain(chain_file)).parts.get(part, before)) == before:
        if time.monotonic() > started + BACK_TIMEOUT:
            raise CommandError(
                f"{part} (process {before}) is not replaced after {BACK_TIMEOUT:.0f} s: the terminal of "
                f"`cqc up` and .cqc/logs/{part}.log say why; `cqc kill {part}` ends a part that does not end"
            )
        time.sleep(_POLL)
    return Replaced(before, pid, time.monotonic() - started, chain.forgets.get(part))


def running_chain(chain_file: Path | None) -> ChainFile:
    """The file of the chain that `cqc up` runs on this machine. Raises UsageError when there is none."""
    found = locate(PipelineOptions(chain_file))
    if not isinstance(found, ChainFile) or found.pid is None:
        raise UsageError(
            "this works on the parts of a chain that `cqc up` runs on this machine: name its .cqc/chain.json "
            "with --chain FILE, or go to its folder"
        )
    return found


def _process_of(chain: ChainFile, part: str) -> int:
    known = [*part_names(chain)]
    if part not in known:
        raise UsageError(f"there is no part {part}: choose one of {', '.join(known)}")
    pid = chain.parts.get(part)
    if pid is None:
        raise CommandError(f"{part} is being started again at this moment: try again when it is back")
    # An id that was free may be another program's by now.
    found = look(pid)
    if found is None or found.parent != chain.pid:
        raise CommandError(f"{part} ended just now (process {pid}): try again when it is back")
    return pid
