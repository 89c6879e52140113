"""What we replace in bqemulator 1.4.0, which is pinned exactly for this reason.

As released it hangs forever when an append meets a query, because two threads then use one DuckDB
connection, and it copies the whole table at each write for time travel (measured: a row costs 67 ms at
23,000 rows). tests/warehouse/test_bigquery_stand_in.py covers both.
"""

import asyncio
from importlib.resources import as_file, files

import bqemulator.grpc_api.write_servicer
import bqemulator.server
import duckdb
import pyarrow  # type: ignore[import-untyped]
from bqemulator.api.dependencies import AppContext
from bqemulator.catalog.models import SnapshotMeta
from bqemulator.grpc_api.write_servicer import BigQueryWriteHandler
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.streaming.write_stream import WriteStream, WriteStreamManager
from bqemulator.versioning.snapshots import SnapshotManager


class LoopWrites(BigQueryWriteHandler):
    """Writes in the event loop, where queries run, under the lock that every other write takes."""

    def __init__(self, context: AppContext, manager: WriteStreamManager | None = None) -> None:
        super().__init__(context, manager)
        self._loop = asyncio.get_running_loop()

    def _flush_to_target(self, stream: WriteStream, rows: pyarrow.Table) -> None:
        asyncio.run_coroutine_threadsafe(self._write(stream, rows), self._loop).result()

    async def _write(self, stream: WriteStream, rows: pyarrow.Table) -> None:
        async with self._ctx.engine.write_lock():
            super()._flush_to_target(stream, rows)


class NoSnapshots(SnapshotManager):
    """Time travel is switched off."""

    def capture(self, *_: str, **__: str) -> SnapshotMeta | None:
        """Keeps nothing."""
        return None


class OfflineEngine(DuckDBEngine):
    """Loads the extension that bqemulator requires from its wheel: no download, no files left behind."""

    def _load_spatial(self) -> None:
        folder = files("duckdb_extension_spatial") / "extensions" / f"v{duckdb.__version__}"
        with as_file(folder / "spatial.duckdb_extension") as extension:
            self.connection.execute(f"LOAD '{extension}'")


def install() -> None:
    """Replaces the names from which bqemulator's server builds its parts."""
    for module, name, ours in (
        (bqemulator.server, "DuckDBEngine", OfflineEngine),
        (bqemulator.server, "SnapshotManager", NoSnapshots),
        (bqemulator.server, "configure_logging", _leave_logging_alone),
        (bqemulator.grpc_api.write_servicer, "BigQueryWriteHandler", LoopWrites),
    ):
        setattr(module, name, ours)


def _leave_logging_alone(**_: object) -> None:
    """The original removes the root logger's handlers, which belong to the caller, such as a test."""
