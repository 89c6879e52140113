"""An event loop on virtual time: nothing waits, and what is ready runs in an order drawn from a seed.

Time stands still while anything is ready and then jumps to the next timer, so an hour of a history takes
milliseconds, and the same seed gives the same history.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Stalled(Exception):
    """Tasks wait and nothing will ever wake them."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Sockets, threads and subprocesses are not to be had."""

    _ready: deque[asyncio.Handle]
    """BaseEventLoop's: what runs next."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random
        self._now = 0.0
        self._selector = self  # BaseEventLoop asks it how long to wait: that is where time passes
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise Stalled
        self._now += timeout
        return []

    def _process_events(self, event_list: list[object]) -> None:
        assert not event_list

    def _write_to_self(self) -> None:
        """Only another thread would need to wake the loop."""

    def _run_once(self) -> None:
        if len(self._ready) > 1:
            self._random.shuffle(self._ready)
        super()._run_once()  # type: ignore[misc]


def run(random: Random, main: Coroutine[object, object, T]) -> T:
    """Runs `main` to its end on a loop of its own, and cancels what it left behind."""
    loop = VirtualLoop(random)
    try:
        return loop.run_until_complete(main)
    finally:
        while left := asyncio.all_tasks(loop):  # the end of one may start another
            loop.run_until_complete(_cancel(left))
        loop.close()


async def _cancel(tasks: Iterable[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
