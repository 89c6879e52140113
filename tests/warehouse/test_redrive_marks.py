"""What counts as redriven, read from the table of replays as BigQuery answers."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.tables.columns import REALTIME_FEATURES, Row
from tests.warehouse.rows import insert
from tools.pipeline.warehouse import Warehouse
from tools.redrive.work import Mark, marks
from tools.replay.items import DeadLetter, Item
from tools.replay.journal import REDRIVE, REPLAY, Journal
from tools.replay.targets import Sent

FAILED = datetime(2026, 1, 31, 12, tzinfo=UTC)
AGAIN = FAILED + timedelta(hours=1)


@pytest.fixture
def redriven(dataset: str) -> Iterator[Journal]:
    """Notes redrives in the test's dataset."""
    with Journal("project", dataset, REDRIVE) as journal:
        yield journal


def sent(event_id: str, failed_at: datetime = FAILED) -> Sent:
    failure = DeadLetter("parse", "schema_error", failed_at, "metrics: is missing")
    return Sent(Item(b"{}", {}, event_id, "parse", "x", dead_letter=failure), "1")


def key(event_id: str) -> tuple[str, str, str]:
    return (event_id, "parse", "schema_error")


def test_a_failure_that_was_redriven_twice_is_marked_by_its_newest_redrive(
    warehouse: Warehouse, redriven: Journal
) -> None:
    redriven.note([sent("e"), sent("e", AGAIN)], ["t", "t"])
    assert marks(warehouse) == {key("e"): Mark(AGAIN, has_row=False)}


def test_a_replay_marks_no_failure(warehouse: Warehouse, dataset: str) -> None:
    with Journal("project", dataset, REPLAY) as journal:
        journal.note([sent("e")], ["t"])
    assert marks(warehouse) == {}


def test_a_mark_says_whether_the_event_has_its_row_now(
    warehouse: Warehouse, redriven: Journal, dataset: str
) -> None:
    redriven.note([sent("fixed"), sent("open")], ["t", "t"])
    row: Row = {
        "event_id": "fixed",
        "location_id": "1-1",
        "event_type": "rating_change",
        "event_timestamp": FAILED,
        "processing_timestamp": FAILED,
        "feature_category": "rating",
    }
    asyncio.run(insert(REALTIME_FEATURES, dataset, [row]))
    found = marks(warehouse)
    assert {event: mark.has_row for (event, *_), mark in found.items()} == {"fixed": True, "open": False}
