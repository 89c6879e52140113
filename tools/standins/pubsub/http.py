"""POSTs to one endpoint over persistent connections: the minimum of HTTP/1.1 that a push needs.

Not aiohttp: it takes 102 for an interim response and keeps waiting, where Pub/Sub takes 102 as an
acknowledgement. And a push costs half the CPU this way, on a machine that the whole chain shares.
"""

import asyncio
from typing import cast
from urllib.parse import urlsplit

import httptools

IDLE_SECONDS = 1.0
"""A connection idle for longer is not reused: gunicorn closes it after 2 s, perhaps at that moment."""


class Posts:
    """Posts to `url`, over as many connections as there are concurrent posts."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"POST {target} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._head = "\r\n".join([*lines, "Content-Length: "]).encode()
        self._idle: list[_Connection] = []

    async def post(self, body: bytes, seconds: float) -> int:
        """The answer's status. Raises TimeoutError after `seconds`, and OSError."""
        async with asyncio.timeout(seconds):
            connection = await self._connect()
            try:
                status = await connection.exchange(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
            except BaseException:
                connection.close()
                raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return status

    def close(self) -> None:
        for connection in self._idle:
            connection.close()

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        while self._idle:
            connection = self._idle.pop()  # the one used last: the others may age and be closed
            if connection.reusable and loop.time() - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.close()
        secure = True if self._secure else None
        _, connection = await loop.create_connection(_Connection, self._host, self._port, ssl=secure)
        return connection


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time."""

    def __init__(self) -> None:
        self.reusable = True
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._answer: asyncio.Future[int] | None = None

    async def exchange(self, request: bytes) -> int:
        self._status = 0
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self.reusable = False
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the endpoint's answer is not HTTP: {error}"))

    def connection_lost(self, _: Exception | None) -> None:
        self.reusable = False
        if self._status:  # an answer without a length ends with its connection
            self._succeed()
        else:
            self._fail(ConnectionError("the endpoint closed the connection without an answer"))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        # After a 1xx the server may send a second answer, which nothing waits for.
        self.reusable = self._status >= 200 and self._parser.should_keep_alive()
        self.idle_since = self._loop.time()
        self._succeed()

    def _succeed(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._status)

    def _fail(self, error: ConnectionError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
