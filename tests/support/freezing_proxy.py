"""A TCP proxy on loopback whose connections can freeze: half-open, they take every byte and forward none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65_536


class FreezingProxy:
    """Between a client and `upstream` (host:port)."""

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self._pumps: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._frozen: set[int] = set()
        self.freezes_new = False
        """Whether a connection is frozen from its first byte on."""
        self.connections = 0
        """How many have been accepted so far."""

    def freeze(self) -> None:
        """Freezes the connections that are open now, for good."""
        self._frozen |= set(range(1, self.connections + 1))

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.freezes_new:
            self._frozen.add(self.connections)
        far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        self._writers += [writer, far_writer]
        for source, target in ((reader, far_writer), (far_reader, writer)):
            self._pumps.append(asyncio.create_task(self._pump(self.connections, source, target)))

    async def _pump(self, number: int, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(CHUNK):
                if number not in self._frozen:
                    target.write(data)
        if number not in self._frozen:
            target.close()

    async def end(self) -> None:
        for writer in self._writers:
            writer.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)


@asynccontextmanager
async def freezing_proxy(upstream: str) -> AsyncIterator[tuple[FreezingProxy, str]]:
    """The proxy and its own host:port."""
    proxy = FreezingProxy(upstream)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield proxy, f"{host}:{port}"
    finally:
        server.close()
        await proxy.end()
