"""The BigQuery stand-in as a block of code: `async with serve() as endpoints`."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bqemulator.config import PersistenceMode, Settings
from bqemulator.server import EmulatorServer

from tools.faults.injecting import Faults
from tools.standins.bigquery import overrides
from tools.standins.serving import check_free

_CONNECTIONS = 64
"""Threads: each open AppendRows connection occupies one, and the loop's default is 6 on 2 cores."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where it listens: an http URL, and host:port."""

    rest: str
    storage_write: str


@asynccontextmanager
async def serve(
    rest_port: int = 0,
    grpc_port: int = 0,
    host: str = "127.0.0.1",
    data: Path | None = None,
    faults: Faults | None = None,
) -> AsyncIterator[Endpoints]:
    """Serves a BigQuery in the running loop until the block ends; port 0 takes any free one.

    It begins empty, or with what is in the folder `data`, which then keeps it: DuckDB has a write on disk
    before it answers. Queries and writes block the loop while they run. Raises PortTaken.
    """
    check_free(host, rest_port, "--rest-port")
    check_free(host, grpc_port, "--grpc-port")
    overrides.install(faults)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_CONNECTIONS))
    # The folder goes once bqemulator has made sure of it: nothing uploads files, and SIGKILL would leave it.
    with tempfile.TemporaryDirectory(prefix="bigquery-") as uploads:
        server = EmulatorServer(
            Settings(
                rest_host=host,
                rest_port=rest_port,
                grpc_host=host,
                grpc_port=grpc_port,
                enable_format_extensions=False,  # it would download Avro
                upload_staging_dir=Path(uploads),
                persistence_mode=PersistenceMode.PERSISTENT if data else PersistenceMode.EPHEMERAL,
                data_dir=data,
            )
        )
        await server.start()
    try:
        yield Endpoints(rest=server.rest_url, storage_write=server.grpc_endpoint)
    finally:
        await server.stop()
