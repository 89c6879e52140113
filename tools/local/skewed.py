"""Runs a function whose clock is wrong: `python -m tools.local.skewed FOLDER 200,-30 MODULE ARGUMENTS…`.

Each worker process that the module starts gets the next of these offsets, in seconds, and the module's own
process the first, until the plan of faults under way in the folder has healed. Only a chain with such a plan
starts its functions so; they read their clock from shared/clock.py and know nothing of it.
"""

import os
import runpy
import sys
import time
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path

from shared import clock
from tools.faults.running import Running

right = clock.utc_now


class Offsets:
    """The offset of this process, at first the first; at each fork the next one is the child's."""

    def __init__(self, folder: Path, seconds: list[int]) -> None:
        self._folder = folder
        self._next = cycle(seconds)
        self._mine = timedelta(seconds=seconds[0])
        self._running: Running | None = None
        os.register_at_fork(before=self._advance)

    def _advance(self) -> None:
        """In the parent, whose own clock is only read by its children."""
        self._mine = timedelta(seconds=next(self._next))

    def now(self) -> datetime:
        """The wrong time, or before and after the plan the right one."""
        if self._running is None:
            self._running = Running.found_in(self._folder)
        is_wrong = self._running is not None and time.time() < self._running.heals
        return right() + self._mine if is_wrong else right()


def main() -> None:
    """Never returns: this process becomes the module's."""
    folder, seconds, *sys.argv = sys.argv[1:]
    clock.utc_now = Offsets(Path(folder), [int(text) for text in seconds.split(",")]).now
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
