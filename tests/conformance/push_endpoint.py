"""The endpoint of a push subscription: keeps every delivery, and answers as the test says."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

WAIT_SECONDS = 40
"""The emulator takes up to 3 s between attempts whatever the retry policy says; tests need up to five."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST: its JSON body, its content type, and the loop's time when it arrived."""

    body: dict[str, Any]
    content_type: str
    at: float

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = self.body["message"]
        return message

    @property
    def data(self) -> bytes:
        return base64.b64decode(self.message.get("data", ""))


Answer = Callable[[Delivery], Awaitable[int]]
"""Returns the status to answer a delivery with."""


async def accept(_: Delivery) -> int:
    """Acknowledges everything."""
    return 204


@dataclass
class PushEndpoint:
    """Answers each delivery by `answer`."""

    url: str = ""
    answer: Answer = accept
    deliveries: list[Delivery] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, data: bytes) -> list[Delivery]:
        """The deliveries of the message with this data, in order."""
        return [delivery for delivery in self.deliveries if delivery.data == data]

    async def until(self, condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
        """Waits for a delivery that makes the condition true; TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._came.clear()
                await self._came.wait()

    async def handle(self, request: web.Request) -> web.Response:
        at = asyncio.get_running_loop().time()
        delivery = Delivery(await request.json(), request.content_type, at)
        self.deliveries.append(delivery)
        self._came.set()
        return web.Response(status=await self.answer(delivery))


@asynccontextmanager
async def push_endpoint(port: int = 0) -> AsyncIterator[PushEndpoint]:
    """An endpoint on loopback until the block ends."""
    endpoint = PushEndpoint()
    application = web.Application()
    application.router.add_post("/push", endpoint.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/push"
        yield endpoint
    finally:
        await runner.cleanup()
