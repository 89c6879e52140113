"""How many bytes of request bodies an instance holds at once; beyond it the answer is 429.

Pub/Sub pushes messages of up to 10 MB, and Cloud Run as many at once as the concurrency allows. Without a
limit thirty of 9.5 MB took `parse` to 1.3 GiB, and a killed instance drops all that it holds.
"""

import asyncio
from types import TracebackType
from typing import Self

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from shared.errors import Busy

LEAST_BYTES_IN_FLIGHT = 16 * 2**20
"""One push always fits: a message of 10 MB is 13.4 MB in base64, and its attributes have at most 320 KB."""

SMALL = 64 * 1024
READ_SECONDS = 10.0
"""For a body that is larger than SMALL, or does not say how large it is. Pub/Sub's largest comes in under a
second; two senders that announce 16 MB each and then dawdle would have the whole budget for as long. Small
ones can't, 80 at once have 5 MB, and a timer for each would be the hot path's."""


class ByteBudget:
    """What the requests of one instance share."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0

    def take(self, size: int) -> None:
        """Raises Busy when the requests would then hold more than the limit."""
        if self._held + size > self._limit:
            raise Busy(
                f"this instance holds {self._held} bytes of requests, and {size} more would exceed "
                f"{self._limit} (MAX_BYTES_IN_FLIGHT): delivery will be repeated"
            )
        self._held += size

    def give_back(self, size: int) -> None:
        self._held -= size


class Admission:
    """One request's share of the budget, from before its body is read until it is answered."""

    __slots__ = ("_budget", "_taken")

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.give_back(self._taken)

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """The body. Raises Busy: by its Content-Length before reading, without one while reading, and when a
        large one is not there in READ_SECONDS; and ClientDisconnect when its sender is gone."""
        declared: bytes = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if declared.isdigit():
            self._take(int(declared))
            if self._taken <= SMALL:
                return await self._read(receive)
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._read(receive)
        except TimeoutError:
            raise Busy(
                f"the body was not there within {READ_SECONDS:g} s, and others need the memory that is held "
                "for it: send it again"
            ) from None

    async def _read(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size, is_whole = 0, False
        while not is_whole:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self._taken:
                self._take(size - self._taken)
            is_whole = not message.get("more_body", False)
        return b"".join(chunks)

    def _take(self, size: int) -> None:
        self._budget.take(size)
        self._taken += size
