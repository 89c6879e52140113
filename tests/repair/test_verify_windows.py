"""Settled windows against their rows, on the chain's Firestore and BigQuery, in a project per test.

Windows take an hour to settle, and the database's clock is real: so the events are of three hours ago, the
first flush allows a lateness of four hours, and the second one of one. The flush is the function's.
"""

import asyncio
import json
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
from tests.support.command_line import Answer, Invoke
from tools.local.parts import PartsKind
from tools.pipeline import address
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import enter, with_documents
from tools.pipeline.warehouse import Warehouse

pytestmark = pytest.mark.parametrize("chain", [PartsKind.STAND_IN], indirect=True)

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
            return await Lookup(documents, timedelta(hours=1)).counted([item.contribution for item in items])

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


def verify(invoke: Invoke, scratch: ScratchPipeline, *options: str) -> Answer:
    return invoke("verify-windows", "--from", "4h", "--chain", str(scratch.file), *options)


def test_windows_of_every_kind_of_event_agree_with_their_rows(
    scratch: ScratchPipeline, invoke: Invoke
) -> None:
    kinds = ("inspection_update", "rating_change", "capacity_update", "compliance_alert", "fire_drill")
    items = [
        item(event_type=kind, location_id=f"1-{number % 2}", metrics={}) for number, kind in enumerate(kinds)
    ]
    scratch.write([*items, items[0]])
    scratch.settle()
    answer = verify(invoke, scratch, "--json")
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert (said["compared"], said["unsettled"], said["differences"]) == (2, 0, [])


def test_an_event_that_its_window_missed_is_listed_and_fixed_once(
    scratch: ScratchPipeline, invoke: Invoke
) -> None:
    counted, missed = item(location_id="1-1"), item(location_id="1-1")
    lost = item(location_id="1-2")
    scratch.write([counted])
    scratch.write([missed, lost], counted=False)
    scratch.settle()

    listed = verify(invoke, scratch)
    assert listed.code == 1
    assert "window_event_count: 1 instead of 2" in " ".join(listed.out.split())
    assert "2 of 2 windows differ from their rows: --repair fixes them" in listed.err

    repaired = verify(invoke, scratch, "--repair", "--json")
    assert repaired.code == 0, repaired.err
    assert json.loads(repaired.out)["mended"] == 2
    assert json.loads(verify(invoke, scratch, "--repair", "--json").out)["differences"] == []

    assert scratch.is_counted([counted, missed, lost, item(location_id="1-1")]) == [True, True, True, False]
    panes = scratch.warehouse.query(
        "SELECT location_id, revision, pane, is_final, window_event_count "
        "FROM realtime_features_aggregated_latest ORDER BY location_id"
    )
    assert [tuple(row)[2:] for row in panes.rows] == [("late", True, 2), ("on_time", True, 1)]


def test_an_event_whose_row_says_late_although_its_window_counts_it_is_listed_and_fixed(
    scratch: ScratchPipeline, invoke: Invoke
) -> None:
    counted, late = item(location_id="1-1"), item(location_id="1-1")
    scratch.write([counted, late])
    scratch.write([late], counted=False, is_late=True)
    scratch.settle()
    listed = verify(invoke, scratch, "--json")
    (difference,) = json.loads(listed.out)["differences"]
    assert "rows that say is_late and must not count: 1" in difference["difference"]
    assert verify(invoke, scratch, "--repair").code == 0


def test_a_window_whose_rows_are_gone_is_listed_without_advising_a_repair(
    scratch: ScratchPipeline, invoke: Invoke
) -> None:
    scratch.write([item()])
    scratch.settle()
    scratch.warehouse.query("DELETE FROM realtime_features WHERE TRUE")
    for options in ((), ("--repair",)):
        answer = verify(invoke, scratch, *options)
        assert answer.code == 1
        assert "1 of 1 windows differ from their rows: they have no rows, so what they should" in answer.err


def test_what_was_not_compared_is_said_with_the_reason(scratch: ScratchPipeline, invoke: Invoke) -> None:
    assert "these windows have no event in realtime_features, and no pane" in verify(invoke, scratch).out
    scratch.write([item()])
    assert "no window is settled, for no flush has run (cqc flush)" in verify(invoke, scratch).out
    scratch.flush(timedelta(hours=4))
    said = json.loads(verify(invoke, scratch, "--json").out)
    assert (said["compared"], said["unsettled"]) == (0, 1), "for the flush it is still open"


def test_a_window_that_the_flush_has_not_settled_is_not_compared(
    scratch: ScratchPipeline, invoke: Invoke
) -> None:
    scratch.write([item(timestamp=utc_now().isoformat())])
    scratch.flush(timedelta(hours=1))
    answer = verify(invoke, scratch, "--json", "--to", "2099-01-01T00:00:00Z")
    said = json.loads(answer.out)
    assert answer.code == 0
    assert (said["compared"], said["unsettled"]) == (0, 1)
    assert "it settles a window when it has read on to 1:00:20 after" in said["nothing_compared"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--from", "noon"), "--from noon: Invalid isoformat string"),
        (("--to", "2026-01-31T12:00:00"), "has no offset: end it with Z"),
        (("--from", "2h", "--to", "3h"), "give an earlier --from or a later --to"),
    ],
)
def test_misuse_is_answered_with_one_sentence(
    invoke: Invoke, options: tuple[str, ...], sentence: str
) -> None:
    answer = invoke("verify-windows", *options)
    assert sentence in answer.err
    assert answer.code == 2
