"""Load: N connections that each send the next request as soon as the last one is answered.

Written on asyncio's protocols because a full HTTP client costs more per request than the server it measures.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast


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
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


class LoadFailed(Exception):
    """The function answered with something other than 204."""


class _Connection(asyncio.Protocol):
    """Sends one request after the other; `done` completes with the connection's last answer."""

    def __init__(self, requests: "_Requests") -> None:
        self._requests = requests
        self._sent_at = 0.0
        self._answer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._send()

    def _send(self) -> None:
        request = self._requests.next()
        if request is None:
            self._transport.close()
            self.done.set_result(None)
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if b"\r\n\r\n" not in self._answer:
            return
        self._requests.latencies.append(time.perf_counter() - self._sent_at)
        if not self._answer.startswith(b"HTTP/1.1 20"):
            self._fail(LoadFailed(f"expected 200 or 204, got {self._answer[:300]!r}"))
            return
        self._answer = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or LoadFailed("the function closed the connection"))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            self._transport.close()


class _Requests:
    def __init__(self, bodies: Sequence[bytes], count: int) -> None:
        self._bodies = bodies
        self._left = count
        self.latencies: list[float] = []

    def next(self) -> bytes | None:
        if not self._left:
            return None
        self._left -= 1
        return self._bodies[self._left % len(self._bodies)]


def as_requests(bodies: Sequence[bytes]) -> list[bytes]:
    """HTTP/1.1 POSTs of these JSON bodies."""
    head = (
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    )
    return [head.format(len(body)).encode() + body for body in bodies]


async def run_load(port: int, requests: Sequence[bytes], count: int, concurrency: int) -> Load:
    """Sends `count` requests over `concurrency` connections; raises LoadFailed or OSError."""
    shared = _Requests(requests, count)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: _Connection(shared), "127.0.0.1", port)
        for _ in range(concurrency)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in opened))
    return Load(count, time.perf_counter() - began, sorted(shared.latencies))
