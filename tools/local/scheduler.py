"""Calls the flush at an interval, as Cloud Scheduler does."""

import threading
import time
from collections.abc import Callable

from tools.errors import CommandError
from tools.pipeline.flushing import flush


class Scheduler:
    """Flushes every `every` seconds from its own thread; a flush that takes longer skips ticks."""

    def __init__(self, url: str, every: float, report: Callable[[str], None]) -> None:
        self._url = url
        self._every = every
        self._report = report
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the schedule; a running flush is left to the function."""
        self._stopped.set()

    def _run(self) -> None:
        due = time.monotonic() + self._every
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            self._tick()
            while due <= time.monotonic():
                due += self._every

    def _tick(self) -> None:
        try:
            flush(self._url)
        except CommandError as error:
            if not self._stopped.is_set():
                self._report(f"the scheduled flush failed: {error}")
