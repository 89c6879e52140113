"""Load: requests over connections that are kept open, as many at once as asked, or so many a second.

Written on asyncio's protocols because a full HTTP client costs more per request than the server it measures.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import cast

from tools.quantiles import quantile


@dataclass(frozen=True, slots=True)
class Load:
    """The result of a run."""

    events: int
    seconds: float
    latencies: list[float]
    """Seconds, sorted."""

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    def percentile(self, share: float) -> float:
        """Seconds within which this share of the requests was answered."""
        return quantile(self.latencies, share)


class LoadFailed(Exception):
    """The function answered with something other than success."""


class _Connection(asyncio.Protocol):
    """Sends one request after the other; `done` completes when its source has no more for it."""

    def __init__(self, source: "_Source") -> None:
        self._source = source
        self._sent_at = 0.0
        self._answer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._source.is_free(self)

    def send(self, request: bytes) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if b"\r\n\r\n" not in self._answer:
            return
        self._source.latencies.append(time.perf_counter() - self._sent_at)
        if not self._answer.startswith(b"HTTP/1.1 20"):
            self._fail(LoadFailed(f"expected 200 or 204, got {self._answer[:300]!r}"))
            return
        self._answer = b""
        self._source.is_free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._source.forgets(self):
            self.finish()
            return
        self._fail(exc or LoadFailed("the function closed the connection"))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            self._transport.close()


class _Source(ABC):
    """What the connections send, and when."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self.latencies: list[float] = []

    @abstractmethod
    def is_free(self, connection: _Connection) -> None:
        """Called by a connection that is new or has its answer."""

    def forgets(self, _: _Connection) -> bool:
        """Whether a connection that the function closed was idle, so that nothing is lost with it."""
        return False


class _AtOnce(_Source):
    """The next request as soon as the last one is answered."""

    def __init__(self, requests: Iterator[bytes], count: int) -> None:
        super().__init__(requests)
        self._left = count

    def is_free(self, connection: _Connection) -> None:
        if not self._left:
            connection.finish()
            return
        self._left -= 1
        connection.send(next(self._requests))


class _Paced(_Source):
    """A request when one arrives, whatever the others do; it waits only where all connections are taken."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        super().__init__(requests)
        self._free: list[_Connection] = []
        self._waiting = 0
        self._has_ended = False

    def is_free(self, connection: _Connection) -> None:
        if self._waiting:
            self._waiting -= 1
            connection.send(next(self._requests))
        elif self._has_ended:
            connection.finish()
        else:
            self._free.append(connection)

    def forgets(self, connection: _Connection) -> bool:
        """The server closes what is idle for some seconds; the last one to be free is the next to be used."""
        if connection not in self._free:
            return False
        self._free.remove(connection)
        return True

    def arrive(self) -> None:
        if self._free:
            self._free.pop().send(next(self._requests))
        else:
            self._waiting += 1

    def end(self) -> None:
        self._has_ended = True
        while self._free:
            self._free.pop().finish()


def as_requests(bodies: Sequence[bytes]) -> list[bytes]:
    """HTTP/1.1 POSTs of these JSON bodies."""
    head = (
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    )
    return [head.format(len(body)).encode() + body for body in bodies]


async def run_load(port: int, requests: Iterator[bytes], count: int, concurrency: int) -> Load:
    """Sends `count` requests over `concurrency` connections; raises LoadFailed or OSError."""
    source = _AtOnce(requests, count)
    began = time.perf_counter()
    connections = await _connect(port, source, concurrency)
    await asyncio.gather(*(connection.done for connection in connections))
    return Load(count, time.perf_counter() - began, sorted(source.latencies))


async def run_paced(port: int, requests: Iterator[bytes], count: int, rate: float, concurrency: int) -> Load:
    """Sends `count` requests as they come from many producers: `rate` a second on average, at random times
    (exponential gaps, the same in each run), at most `concurrency` at once. Raises LoadFailed or OSError."""
    source, random = _Paced(requests), Random(1)
    connections = await _connect(port, source, concurrency)
    began = due = time.perf_counter()
    for _ in range(count):
        due += random.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        source.arrive()
    source.end()
    await asyncio.gather(*(connection.done for connection in connections))
    return Load(count, time.perf_counter() - began, sorted(source.latencies))


async def _connect(port: int, source: _Source, number: int) -> list[_Connection]:
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda: _Connection(source), "127.0.0.1", port))[1]
        for _ in range(number)
    ]
