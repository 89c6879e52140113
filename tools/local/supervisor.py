"""Starts a part again that has ended while the chain runs, as Cloud Run replaces an instance."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from signal import SIGKILL

from tools.errors import CommandError
from tools.local.process import PartDied, Process

DELAYS = (0.0, 1.0, 2.0, 4.0)
"""Seconds before each restart of a part that keeps crashing at once; after the last the chain gives up."""
AT_ONCE = 10.0
"""Seconds after it became ready in which a crash counts as another in a row."""


@dataclass(slots=True)
class _Care:
    """A part under supervision."""

    process: Process
    ready_since: float
    crashes: int = 0
    """In a row, each at once."""
    due: float | None = None
    """When to start it again; None while it runs."""
    recovery: Future[None] | None = None
    """Done when the process that was started again is ready."""
    ended: float = 0.0


class Supervisor:
    """Only `tick` does anything; call it from the thread that may start processes.

    `start` starts a part by name; `ready` returns when its process answers, and may raise CommandError;
    `changed` gets the process id of every part that is ready, whenever that changes; `report` a sentence.
    `forgetful` are the parts that come back without their data, each with what to say of that.
    """

    def __init__(
        self,
        processes: Iterable[Process],
        start: Callable[[str], Process],
        ready: Callable[[Process], None],
        changed: Callable[[Mapping[str, int]], None],
        report: Callable[[str], None],
        forgetful: Mapping[str, str],
        delays: Sequence[float] = DELAYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._parts = {process.name: _Care(process, clock()) for process in processes}
        self._start, self._ready, self._changed, self._report = start, ready, changed, report
        self._forgetful, self._delays = forgetful, delays
        self._pool = ThreadPoolExecutor(len(self._parts), thread_name_prefix="recovery")

    def tick(self) -> None:
        """Notices what has ended, starts what is due. Raises PartDied for a part that keeps crashing."""
        for part in self._parts.values():
            if part.due is not None:
                if self._clock() >= part.due:
                    self._restart(part)
            elif not part.process.is_running():
                self._lost(part)
            elif part.recovery is not None and part.recovery.done():
                self._back(part, part.recovery)

    def close(self) -> None:
        """Waits for no recovery that is under way; the caller makes `ready` return."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _lost(self, part: _Care) -> None:
        now = self._clock()
        if part.recovery is not None or (now - part.ready_since < AT_ONCE and not part.process.ended_well()):
            part.crashes += 1
        else:
            part.crashes = 1
        part.recovery, part.ended = None, now
        part.process.signal_group(SIGKILL)  # what it started may hold its port
        end = part.process.end()
        if part.crashes > len(self._delays):
            raise PartDied(
                f"{end}, now {part.crashes} times in a row: the chain gives up. {part.process.tail()}"
            )
        delay = self._delays[part.crashes - 1]
        part.due = now + delay
        self._report(f"{end}: starting it again{f' in {delay:g} s' if delay else ''}")
        self._tell()

    def _restart(self, part: _Care) -> None:
        part.due = None
        part.process = self._start(part.process.name)
        part.recovery = self._pool.submit(self._ready, part.process)

    def _back(self, part: _Care, recovery: Future[None]) -> None:
        try:
            recovery.result()
        except CommandError:
            if not part.process.is_running():
                return  # the next tick counts it as another crash
            raise
        part.recovery, part.ready_since = None, self._clock()
        name = part.process.name
        lost = f" without its data{self._forgetful[name]}" if name in self._forgetful else ""
        self._report(f"{name} is back after {part.ready_since - part.ended:.1f} s{lost}")
        self._tell()

    def _tell(self) -> None:
        ready = (part.process for part in self._parts.values() if part.due is None and part.recovery is None)
        self._changed({process.name: process.pid for process in ready})
