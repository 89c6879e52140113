"""The BigQuery stand-in as a block of code: `async with serve() as endpoints`."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bqemulator.config import Settings
from bqemulator.server import EmulatorServer

from tools.standins.bigquery import overrides
from tools.standins.serving import PortTaken

_CONNECTIONS = 64
"""Each open AppendRows connection occupies a thread; the loop's default would be 6 on 2 cores."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where it listens: an http URL and host:port."""

    rest: str
    storage_write: str


@asynccontextmanager
async def serve(rest_port: int = 0, grpc_port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Endpoints]:
    """Serves an empty BigQuery in the running loop until the block ends; port 0 takes a free one.

    Queries and writes hold up the loop while they run. Raises PortTaken.
    """
    _check_free(host, rest_port, "--rest-port")
    _check_free(host, grpc_port, "--grpc-port")
    overrides.install()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_CONNECTIONS))
    with tempfile.TemporaryDirectory(prefix="bigquery-") as uploads:
        server = EmulatorServer(
            Settings(
                rest_host=host,
                rest_port=rest_port,
                grpc_host=host,
                grpc_port=grpc_port,
                enable_format_extensions=False,  # Avro would be downloaded
                upload_staging_dir=Path(uploads),
            )
        )
        await server.start()
        try:
            yield Endpoints(rest=server.rest_url, storage_write=server.grpc_endpoint)
        finally:
            await server.stop()


def _check_free(host: str, port: int, option: str) -> None:
    """Asked before: uvicorn would end the process with a log line, and gRPC would share the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = f"cannot listen on {host}:{port} ({error.strerror})"
            raise PortTaken(f"{reason}: give another port with {option}, or 0 for any free one") from error
