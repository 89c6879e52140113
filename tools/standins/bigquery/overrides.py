"""What we replace in bqemulator 1.4.0, which is pinned exactly for this reason.

As released it hangs forever when an append meets a query, because two threads then use one DuckDB
connection, and it copies the whole table at each write for time travel (measured: a row costs 67 ms at
23,000 rows). appends.py and altered.py are about columns that change.
tests/warehouse/test_bigquery_stand_in.py covers all of it.
"""

from functools import partial
from importlib.resources import as_file, files

import bqemulator.grpc_api.write_servicer
import bqemulator.jobs.executor
import bqemulator.scripting.interpreter
import bqemulator.server
import duckdb
from bqemulator.catalog.duckdb_repository import DuckDBCatalogRepository
from bqemulator.catalog.models import JobMeta, SnapshotMeta
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.versioning.snapshots import SnapshotManager

from tools.faults.injecting import Faults
from tools.standins.bigquery import altered
from tools.standins.bigquery.appends import Appends


class NoSnapshots(SnapshotManager):
    """Time travel is switched off."""

    def capture(self, *_: str, **__: str) -> SnapshotMeta | None:
        """Keeps nothing."""
        return None


class KeptCatalog(DuckDBCatalogRepository):
    """Tables, views and functions on disk, but no jobs: each query would write one, for a start to read."""

    def _write_job(self, job: JobMeta) -> None:
        """Keeps it in memory, where the original has it too."""


class OfflineEngine(DuckDBEngine):
    """Loads the extension that bqemulator requires from its wheel: no download, no files left behind."""

    def _load_spatial(self) -> None:
        folder = files("duckdb_extension_spatial") / "extensions" / f"v{duckdb.__version__}"
        with as_file(folder / "spatial.duckdb_extension") as extension:
            self.connection.execute(f"LOAD '{extension}'")


def install(faults: Faults | None = None) -> None:
    """Replaces the names from which bqemulator's server builds its parts."""
    for module, name, ours in (
        (bqemulator.server, "DuckDBEngine", OfflineEngine),
        (bqemulator.server, "SnapshotManager", NoSnapshots),
        (bqemulator.server, "DuckDBCatalogRepository", KeptCatalog),
        (bqemulator.server, "configure_logging", _leave_logging_alone),
        (bqemulator.grpc_api.write_servicer, "BigQueryWriteHandler", partial(Appends, faults=faults)),
        (bqemulator.jobs.executor, "sync_dropped_object", altered.sync),
        (bqemulator.scripting.interpreter, "sync_dropped_object", altered.sync),
    ):
        setattr(module, name, ours)


def _leave_logging_alone(**_: object) -> None:
    """The original removes the root logger's handlers, which belong to the caller, such as a test."""
