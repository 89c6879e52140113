"""An empty pipeline for one test, on the services of the chain, and the functions' own code to fill it.

Windows take an hour to settle, and the database's clock is real: so the events are of three hours ago, the
first flush allows a lateness of four hours, and the second one of one.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson
import pytest

from functions.aggregate import tick
from functions.aggregate.tick import FlushDependencies
from functions.features.writing import Item, item_of
from functions.parse.decoding import Decoder
from shared.clock import utc_now
from shared.dead_letters.record import DeadLetterRecord
from shared.events import encode
from shared.gcp.bigquery import TableAppender
from shared.gcp.feature_store import NoFeatureView
from shared.gcp.firestore import FirestoreDocuments
from shared.message import Message
from shared.settings import AggregateSettings
from shared.tables.columns import REALTIME_FEATURES, REALTIME_FEATURES_AGGREGATED, Row, Table
from shared.tables.sink import TableSink
from shared.windows.log import LogWriter, unique_id
from shared.windows.lookup import Lookup, Verdict
from tests.repair.helpers import event
from tests.support.chain import Run
from tests.support.command_line import Invoke
from tools.pipeline import address
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import enter, with_documents
from tools.pipeline.warehouse import Warehouse

THEN = datetime.now(UTC) - timedelta(hours=3)
DECODER = Decoder("test", 262_144, timedelta(minutes=5))


@dataclass(frozen=True, slots=True)
class NoFailures:
    """Nothing here is dead-lettered."""

    async def send(self, failure: DeadLetterRecord) -> None:
        raise AssertionError(failure)


@dataclass(frozen=True, slots=True)
class ScratchPipeline:
    """An empty pipeline for one test, on the services of the chain."""

    address: ChainAddress
    warehouse: Warehouse
    file: Path

    def append(self, table: Table, rows: list[Row]) -> None:
        async def work() -> None:
            appender = TableAppender(self.address.project, self.address.dataset, table)
            assert await TableSink(table, appender).append_rows(rows) == [None] * len(rows)
            await appender.close()

        asyncio.run(work())

    def write(self, items: list[Item], counted: bool = True, is_late: bool = False) -> None:
        """Writes as `features` does; unless `counted`, it died between the rows and the window log."""
        self.append(REALTIME_FEATURES, [{**item.row, "is_late": is_late} for item in items])

        async def log(documents: FirestoreDocuments) -> None:
            now = utc_now()
            await LogWriter(documents, unique_id).append([item.contribution for item in items], now, now)

        if counted:
            with_documents(self.address, log)

    def flush(self, allowed_lateness: timedelta) -> None:
        """One flush of the function's code."""

        async def work(documents: FirestoreDocuments) -> None:
            appender = TableAppender(self.address.project, self.address.dataset, REALTIME_FEATURES_AGGREGATED)
            dependencies = FlushDependencies(
                documents,
                rows=TableSink(REALTIME_FEATURES_AGGREGATED, appender),
                online=NoFeatureView(),
                dead_letters=NoFailures(),
                clock=utc_now,
                monotonic=monotonic,
                settings=AggregateSettings(
                    project_id=self.address.project, allowed_lateness=allowed_lateness
                ),
            )
            assert (await tick.flush(dependencies)).status == "done"
            await appender.close()

        with_documents(self.address, work)

    def settle(self) -> None:
        """Two flushes: the second one's panes are final."""
        self.flush(timedelta(hours=4))
        self.flush(timedelta(hours=1))

    def is_counted(self, items: list[Item]) -> list[Verdict]:
        """What `features` finds out about late deliveries."""

        async def ask(documents: FirestoreDocuments) -> list[Verdict]:
            return await Lookup(documents).counted([item.contribution for item in items])

        return with_documents(self.address, ask)


@pytest.fixture
def scratch(run: Run, invoke: Invoke, tmp_path: Path) -> ScratchPipeline:
    del invoke  # it restores the environment, which `enter` changes
    project = f"p{uuid4().hex[:12]}"
    pipeline = run.chain.address.model_copy(update={"project": project})
    enter(pipeline)
    warehouse = Warehouse(project, pipeline.dataset)
    warehouse.create()
    file = tmp_path / "chain.json"
    address.write(file, pipeline)
    return ScratchPipeline(pipeline, warehouse, file)


def item(**fields: object) -> Item:
    """An event of that time, as `features` prepares it."""
    fields = event(**{"timestamp": THEN.isoformat()} | fields)
    message = Message(orjson.dumps(fields), str(fields["event_id"]), {}, THEN, "", None)
    decoded, _ = DECODER.decode(message, utc_now())
    return item_of(Message(encode(decoded), "", {}, THEN, "", None), ZoneInfo("Europe/London"))
