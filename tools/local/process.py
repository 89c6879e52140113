"""One part of the chain as a process group, with its log in a file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.errors import CommandError
from tools.paths import ROOT

GRACE = 5.0
"""Seconds from SIGTERM to SIGKILL; no local request takes that long."""
OWNER = "CQC_UP"
"""Environment variable of each part: the id of the process that started it."""
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Part:
    """What to start: a command, beginning with the program's full path, its environment, and its folder."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path = ROOT


class PartDied(CommandError):
    """A part ended while the chain was running."""


class Process:
    """A running part. Its process id is also its group's id, so whatever it starts ends with it."""

    def __init__(self, part: Part, log: Path, continues: bool = False) -> None:
        """Starts the part; `continues` keeps what is in the log: the end of the process before this one."""
        self.name = part.name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        if not continues:
            log.unlink(missing_ok=True)  # an older chain may still be writing to it
        self._begin = log.stat().st_size if log.exists() else 0
        tether = [sys.executable, "-I", "-S", str(ROOT / "tools" / "local" / "tether.py"), str(os.getpid())]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*tether, *part.command],
                env={**part.environment, OWNER: str(os.getpid())},
                cwd=part.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raises PartDied, with the end of the log, when the part has ended."""
        how = self.end()
        if how is not None:
            raise PartDied(f"{how}. {self.tail()}")

    def end(self) -> str | None:
        """How the part has ended, such as "parse was ended by SIGKILL"; None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"{self.name} {how}"

    def ended_well(self) -> bool:
        """Whether it has ended as if asked to, with exit code 0."""
        return self._process.poll() == 0

    def tail(self, lines: int = 20) -> str:
        """The last lines of the log, indented, after a line that names it."""
        text = self.log.read_text(errors="replace").rstrip() or "(it is empty)"
        return "\n".join(
            [f"The end of its log {self.log}:", *(f"  {line}" for line in text.splitlines()[-lines:])]
        )

    def has_logged(self, text: bytes) -> bool:
        """Whether this process, not one before it, has written the text to the log."""
        with self.log.open("rb") as log:
            log.seek(self._begin)
            return text in log.read()

    def is_running(self) -> bool:
        return self._process.poll() is None

    def signal_group(self, number: signal.Signals) -> None:
        """Signals the part and everything it started; does nothing when none of it is left."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            return

    def reap(self) -> None:
        self._process.wait()


def stop_all(processes: Iterable[Process], grace: float = GRACE) -> None:
    """Stops every group: SIGTERM, and after `grace` seconds SIGKILL for whatever is left."""
    started = list(processes)
    for process in started:
        process.signal_group(signal.SIGTERM)
        process.signal_group(signal.SIGCONT)  # a paused part gets the SIGTERM when it goes on
    deadline = time.monotonic() + grace
    while any(process.is_running() for process in started) and time.monotonic() < deadline:
        time.sleep(_POLL)
    for process in started:
        process.signal_group(signal.SIGKILL)  # also for a worker that outlived its master
        process.reap()
