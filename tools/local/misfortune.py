"""Kills and freezes the parts of a running chain, each at the time that a plan of faults says."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from tools.faults.plan import Action, Fault, Plan
from tools.faults.running import RECORD, Record, Running
from tools.local.process import Process

KINDS = {"kill": Fault.KILL, "kill-instance": Fault.KILL_INSTANCE, "freeze": Fault.FREEZE}


class Misfortune:
    """The plan's actions, from a thread of its own; `processes` are the parts as they are at the moment.

    A part of `single` has no worker processes: it is its own only instance.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        processes: Callable[[], Sequence[Process]],
        single: Collection[str] = (),
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._record = Record(folder / RECORD)
        self._processes = processes
        self._single = single
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """From now on the plan runs, in all parts."""
        Running(plan=self._plan, began=time.time()).write(self._folder)
        began = time.monotonic()
        for action in self._plan.actions:
            thread = threading.Thread(target=self._at, args=(began, action), name="misfortune", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Does nothing more; what is frozen goes on."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _at(self, began: float, action: Action) -> None:
        if not self._stopped.wait(max(0.0, began + action.at - time.monotonic())):
            self._do(action)

    def _do(self, action: Action) -> None:
        (process,) = (part for part in self._processes() if part.name == action.part)
        if action.does == "kill":
            process.signal_group(signal.SIGKILL)
        elif action.does == "kill-instance":
            workers = [process.pid] if action.part in self._single else children(process.pid)
            if not workers:
                return  # it is being started
            _kill(workers[int(action.at * 1000) % len(workers)])
        else:
            process.signal_group(signal.SIGSTOP)
            self._stopped.wait(action.seconds)
            process.signal_group(signal.SIGCONT)
        self._record.add(KINDS[action.does], action.part)


def children(pid: int) -> list[int]:
    """The processes that this one has started, oldest first."""
    listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = (map(int, line.split()) for line in listed.splitlines())
    return sorted(child for child, parent in pairs if parent == pid)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it ended by itself
        return
