"""What is refused or can't be read is set aside with a dead letter, and holds up nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.aggregate import bucket, emitting, flush, planning
from functions.aggregate.reports import Stamp, unwritten_values
from shared.delivery.batching import BatchLimits, Outcome
from shared.errors import ErrorType, Reject, Retry
from shared.gcp import bigquery
from shared.online import Unwritten
from shared.tables.columns import Row
from shared.windows.documents import Document, Write
from shared.windows.state import location_hash
from tests.support.flush_harness import NOON, WINDOW, FlushHarness, crowd, event


async def test_a_bucket_that_the_database_refuses_is_set_aside_and_the_others_go_on() -> None:
    harness = FlushHarness()
    refused, other = two_buckets()
    harness.database.refuses = lambda write: is_state_of(write, refused)
    await harness.append(event("a", location=refused), event("b", location=other), *crowd())
    await harness.flush_at(1)
    assert harness.panes(other) == [("early", 1, 1, False)]
    assert harness.panes(refused) == []
    (text,) = harness.texts()
    assert "can't be stored" in text
    harness.database.refuses = lambda _: False
    await harness.flush_at(6)
    assert harness.panes(other)[-1] == ("on_time", 2, 1, False)


async def test_a_refused_bucket_beside_one_that_cuts_a_chunk_loses_none_of_its_digests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bucket, "CHUNK", 2)
    harness = FlushHarness()
    refused, other = two_buckets()
    harness.database.refuses = lambda write: is_state_of(write, refused)
    counted = [event(f"b{number}", location=other) for number in range(3)]
    await harness.append(event("a", location=refused), *counted, *crowd())
    await harness.flush_at(1)
    await harness.append(*counted)
    await harness.flush_at(6)
    assert harness.panes(other)[-1] == ("on_time", 2, 3, False)


@pytest.mark.parametrize("fields", [{"format": 2}, {"entries": b"{"}, {"chunks": 3}, {"parts": 1}])
async def test_a_bucket_that_cannot_be_read_is_set_aside_and_the_others_go_on(
    fields: dict[str, bytes | int],
) -> None:
    harness = FlushHarness()
    damaged, other = two_buckets()
    await harness.append(event("a", location=damaged), event("b", location=other), *crowd())
    await harness.flush_at(1)
    (document,) = [stored for stored in harness.stored("window_state") if is_state_of(stored, damaged)]
    harness.database.commit([Write(document.name, {**document.fields, **fields})])
    await harness.append(event("c", location=damaged), event("d", location=other))
    await harness.flush_at(2)
    assert harness.panes(other)[-1] == ("early", 2, 2, False)
    assert harness.panes(damaged)[-1] == ("early", 1, 1, False)
    (text,) = harness.texts()
    assert "can't be read" in text
    assert "1 events are kept here" in text
    await harness.flush_at(66)
    assert harness.panes(other)[-1][3] is True
    assert harness.control().windows == {}


async def test_panes_that_the_table_refuses_are_dead_letters_sent_together() -> None:
    harness = FlushHarness()
    harness.rows.outcome = lambda row: (
        Reject(ErrorType.SINK_REJECTED, "no such column") if row["location_id"] != "good" else None
    )
    await harness.append(
        event("a", location="good"), *(event("a", location=f"bad{number}") for number in range(20))
    )
    await harness.flush_at(1)
    assert len(harness.panes("good")) == 1
    assert [letter.error_type for letter in harness.sinks.dead_letters] == [ErrorType.SINK_REJECTED] * 20
    assert harness.dead_letters.most_at_once == 20
    assert harness.control().emitted == 1


async def test_more_dead_letters_than_may_be_sent_at_once_are_all_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(emitting, "AT_ONCE", 7)
    harness = FlushHarness()
    harness.rows.outcome = lambda _: Reject(ErrorType.SINK_REJECTED, "no such column")
    await harness.append(*(event("a", location=f"bad{number}") for number in range(20)))
    await harness.flush_at(1)
    assert len(harness.sinks.dead_letters) == 20
    assert harness.dead_letters.most_at_once == 7


async def test_a_bug_in_writing_a_pane_stays_loud_and_the_pane_comes_once_it_is_fixed() -> None:
    harness = FlushHarness()

    def fail(_: Row) -> Outcome:
        return KeyError("table has no column colour")

    harness.rows.outcome = fail
    await harness.append(event("a"))
    with pytest.raises(KeyError, match="colour"):
        await harness.flush_at(1)
    assert harness.sinks.dead_letters == []
    harness.rows.outcome = lambda _: None
    await harness.flush_at(2.1)
    assert harness.panes() == [("early", 1, 1, False)]


def test_the_dead_letters_of_groups_at_work_are_no_more_than_their_publisher_holds() -> None:
    assert BatchLimits().max_waiting > flush.AT_ONCE * emitting.AT_ONCE


def test_a_group_s_rows_may_wait_for_those_of_the_others() -> None:
    assert flush.AT_ONCE * bigquery.DEADLINE <= bigquery.FLUSH_DEADLINE


async def test_an_online_store_that_is_away_costs_one_record_a_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "GROUP", 1)
    harness = FlushHarness()
    harness.online.faults.fails = 1
    await harness.append(*crowd())
    await harness.flush_at(1)
    (letter,) = harness.sinks.dead_letters
    assert letter.error_type is ErrorType.FEATURE_STORE_WRITE_FAILED
    assert "1,000 entries" in letter.text
    assert len(harness.sinks.panes) == 1000


def test_a_record_of_online_values_has_the_range_of_all_its_failures() -> None:
    def failure(first: int, last: int) -> Unwritten:
        return Unwritten(2, NOON + timedelta(minutes=first), NOON + timedelta(minutes=last), "away")

    failures = [failure(3, 4), failure(0, 9), failure(5, 6)]
    record = unwritten_values(failures, Stamp(NOON, "1"))
    assert record.error_message == f"window features: {replace(failures[1], count=6)}"


async def test_a_record_of_online_values_is_sent_when_the_flush_fails_later() -> None:
    harness = FlushHarness()
    harness.online.faults.fails = 1
    harness.faults.at_call = 8  # finish
    await harness.append(event("a"))
    with pytest.raises(Retry):
        await harness.flush_at(1)
    assert [letter.error_type for letter in harness.sinks.dead_letters] == [
        ErrorType.FEATURE_STORE_WRITE_FAILED
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"format": 2},
        {"count": 10**12},
        {"count": -1},
        {"head": b'[[1],["x"],["rating"]]'},
        {"head": b'[["l"],["x"],["a category of tomorrow"]]'},
        {"events": b""},
    ],
)
async def test_a_segment_that_cannot_be_read_is_kept_as_a_dead_letter_and_stops_nothing(
    fields: dict[str, bytes | int],
) -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    (document,) = harness.stored("window_log")
    harness.database.commit([Write(document.name, {**document.fields, **fields})])
    await harness.append(event("b"))
    await harness.flush_at(1)
    assert harness.panes() == [("early", 1, 1, False)]
    (letter,) = harness.sinks.dead_letters
    assert letter.error_type is ErrorType.UNEXPECTED_ERROR
    assert document.name in letter.text


@pytest.mark.parametrize("name", ["flush/0.0", "flush/layout"])
async def test_a_control_document_of_a_newer_format_stops_the_flush_loudly(name: str) -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    harness.database.commit([Write(name, {"format": 2})])
    with pytest.raises(Retry, match="its format is 2, this release reads 1"):
        await harness.flush_at(1)
    assert harness.sinks.panes == []


async def test_fields_that_a_later_release_adds_are_ignored() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    await harness.flush_at(1)
    for document in [*harness.stored("flush"), *harness.stored("window_state")]:
        harness.database.commit([Write(document.name, {**document.fields, "new": "x"})])
    await harness.flush_at(6)
    assert harness.panes()[-1] == ("on_time", 2, 1, False)


async def test_panes_of_a_bucket_that_can_no_longer_be_read_are_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    harness = FlushHarness()
    harness.rows.faults.at_call = 1
    await harness.append(event("a"))
    with pytest.raises(Retry):
        await harness.flush_at(1)
    (document,) = harness.stored("window_state")
    harness.database.commit([Write(document.name, {"format": 2})])
    await harness.flush_at(2)
    assert "its format is 2, this release reads 1" in caplog.text
    assert len(harness.texts()) == 1  # the event is read again: the flush that died had not finished
    caplog.clear()
    await harness.flush_at(6)
    assert "its format is 2, this release reads 1" in caplog.text
    assert len(harness.texts()) == 1


async def test_a_repair_s_panes_that_can_not_be_read_any_more_are_reported_though_nothing_is_due(
    caplog: pytest.LogCaptureFixture,
) -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    await harness.flush_at(1)
    control, (document,) = harness.control(), harness.stored("window_state")
    died = replace(control, number=control.number + 1, pending=frozenset({(WINDOW, 0)}))
    harness.database.commit(
        [Write("flush/0.0", died.to_fields()), Write(document.name, {**document.fields, "format": 2})]
    )
    await harness.flush_at(2)
    assert "its format is 2, this release reads 1" in caplog.text
    assert harness.control().pending == frozenset()


def two_buckets() -> tuple[str, str]:
    """Two locations that do not share a bucket among four."""
    first = "special"
    others = (f"other-{number}" for number in range(100))
    return first, next(name for name in others if (location_hash(name) ^ location_hash(first)) & 3)


def is_state_of(stored: Write | Document, location: str) -> bool:
    """Whether it is the document of this location's bucket."""
    entries = stored.fields.get("entries")
    return isinstance(entries, bytes) and location.encode() in entries
