"""What may go wrong around a call to any service, drawn from a seed.

A caller that gives up or dies does not take its request back: it may have its effect later, or twice.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from shared.errors import Retry

T = TypeVar("T")


@dataclass
class Faults:
    """By default nothing goes wrong. Shares are of calls, 0 to 1; times in seconds."""

    random: Random = field(default_factory=lambda: Random(0))
    fails: float = 0.0
    """Before the effect."""
    loses_answers: float = 0.0
    """After it; half of the time the adapter tries again by itself, and meets what it did."""
    lands_late: float = 0.0
    """The caller is told Retry, and then the call has its effect."""
    lands_twice: float = 0.0
    """The effect comes again some time later."""
    delay: float = 0.0
    """The mean; each call has one before and one after its effect."""
    stalls: float = 0.0
    """A share of delays that are up to `stall` long."""
    stall: float = 45.0
    partial_pages: bool = True
    is_away: Callable[[], bool] = lambda: False
    running: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set no call begins and no answer arrives: the caller's process is frozen, or dead."""
    at_call: int | None = None
    """This call fails, counted from 1: before its effect, or after it if `answer_lost`."""
    answer_lost: bool = False
    calls: int = 0

    def __post_init__(self) -> None:
        self.running.set()

    async def around(self, effect: Callable[[], T]) -> T:
        self.calls += 1
        await self._live()
        if self.calls == self.at_call and not self.answer_lost:
            raise Retry("the call failed")
        if self.is_away() or self._happens(self.fails):
            await self._pause()
            raise Retry("the service is away")
        if self._happens(self.lands_late):
            self._later(effect)
            raise Retry("no answer in time")
        found = await self._land(effect)
        if self._happens(self.lands_twice):
            self._later(effect)
        await self._pause()
        await self._live()
        if self.calls == self.at_call or self._happens(self.loses_answers):
            if self.calls != self.at_call and self._happens(0.5):
                return await self._land(effect)
            raise Retry("the answer is lost")
        return found

    def heal(self) -> None:
        self.fails = self.loses_answers = self.lands_late = self.lands_twice = self.stalls = 0.0
        self.is_away = lambda: False
        self.delay = min(self.delay, 0.05)

    async def _live(self) -> None:
        if not self.running.is_set():
            await self.running.wait()

    async def _land(self, effect: Callable[[], T]) -> T:
        """The request is on its way, whatever becomes of the task that waits for its answer."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def land() -> None:
            try:
                found = effect()
            except Exception as error:  # noqa: BLE001 - not caught but carried: it is the answer
                if not answer.done():
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(found)

        if delay := self._delay():
            loop.call_later(delay, land)
        else:
            loop.call_soon(land)
        return await answer

    async def _pause(self) -> None:
        if delay := self._delay():
            await asyncio.sleep(delay)

    def _later(self, effect: Callable[[], object]) -> None:
        def land() -> None:
            try:
                effect()
            except Exception:  # noqa: BLE001 - nobody waits for the answer
                return

        asyncio.get_running_loop().call_later(self.random.uniform(0, self.stall), land)

    def _happens(self, share: float) -> bool:
        return share > 0 and self.random.random() < share

    def _delay(self) -> float:
        if self._happens(self.stalls):
            return self.random.uniform(0, self.stall)
        return self.random.expovariate(1 / self.delay) if self.delay else 0.0
