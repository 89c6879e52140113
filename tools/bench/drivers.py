"""A function with the driver by which its events come: how it is started, and loaded."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from tools.bench.feed import Feed
from tools.bench.load import Load, run_load, run_paced
from tools.bench.server import Server, running, serving
from tools.local.parts import PULLED_SETTINGS

DEPLOYED = 80
"""Concurrent requests of an instance."""


class Subject(ABC):
    """A function, and how it is started and loaded. It goes through its events over and over: each load goes
    on where the one before it ended."""

    name: str

    @abstractmethod
    def serving(
        self, port: int, environment: Mapping[str, str]
    ) -> AbstractAsyncContextManager[tuple[Server, float]]:
        """Its process, and the CPU seconds until its first answer."""

    @abstractmethod
    async def load(self, port: int, events: int, at_once: int) -> Load:
        """So many events, as many at once."""

    @abstractmethod
    async def paced(self, port: int, events: int, rate: float, at_once: int) -> Load:
        """So many events, at random times, `rate` a second."""

    def takes(self, at_once: int) -> bool:
        """Whether it is measured under this load."""
        return at_once > 0


@dataclass(frozen=True, slots=True)
class Pushed(Subject):
    """A function that is pushed to."""

    name: str
    target: str
    """The entry point's name."""
    root: Path
    """The checkout that it is imported from."""
    source: Path
    first: bytes
    """A request for its start."""
    requests: Iterator[bytes]

    def serving(
        self, port: int, environment: Mapping[str, str]
    ) -> AbstractAsyncContextManager[tuple[Server, float]]:
        return serving(self.target, self.source, port, environment, self.first, self.root)

    async def load(self, port: int, events: int, at_once: int) -> Load:
        return await run_load(port, self.requests, events, at_once)

    async def paced(self, port: int, events: int, rate: float, at_once: int) -> Load:
        return await run_paced(port, self.requests, events, rate, at_once)


@dataclass(frozen=True, slots=True)
class Pulled(Subject):
    """A function that pulls from a feed."""

    name: str
    stage: str
    root: Path
    feed: Feed

    def serving(
        self, port: int, environment: Mapping[str, str]
    ) -> AbstractAsyncContextManager[tuple[Server, float]]:
        command = [sys.executable, "-m", "functions.pulling", self.stage]
        settings = {**environment, **PULLED_SETTINGS, "SUBSCRIPTION": self.feed.subscription}
        return running(self.name, command, port, settings, self.feed.first_answer, self.root)

    async def load(self, _port: int, events: int, _at_once: int) -> Load:
        return await self.feed.run(events)

    async def paced(self, _port: int, events: int, rate: float, _at_once: int) -> Load:
        return await self.feed.run_paced(events, rate)

    def takes(self, at_once: int) -> bool:
        """In the rounds of the deployed load only: how many are outstanding is a setting of its own."""
        return at_once == DEPLOYED
