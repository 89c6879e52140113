"""One flush against services that fail, refuse, answer late or die under it."""

import asyncio

import pytest

from functions.aggregate import bucket, flush, log_reader
from shared.delivery.batching import Outcome
from shared.errors import ErrorType, Reject, Retry
from shared.tables.columns import Row
from shared.windows.contribution import Contribution
from shared.windows.documents import NEW, Document, Write
from shared.windows.log import segment_id
from shared.windows.segment import encode
from shared.windows.state import location_hash
from tests.support.bench import NOON, WINDOW, Bench, event
from tests.support.faults import Faults

CALLS = 8
"""Of a flush with one segment: layout, control, list, list again, begin, load, save, finish."""


@pytest.mark.parametrize("answer_lost", [False, True])
@pytest.mark.parametrize("call", range(1, CALLS + 1))
async def test_a_call_that_fails_is_a_retry_and_the_next_flush_goes_on(call: int, answer_lost: bool) -> None:
    bench = Bench()
    bench.faults.at_call, bench.faults.answer_lost = call, answer_lost
    await bench.append(event("a"))
    with pytest.raises(Retry):
        await bench.flush_at(1)
    await bench.append(event("b"))
    await bench.flush_at(1)
    await bench.flush_at(2.1)  # a lease that was not released has run out
    rows = {(row["revision"], row["window_event_count"]): row for row in bench.sinks.panes}
    assert all(row in rows.values() for row in bench.sinks.panes)  # twice, but the same
    assert list(rows) in ([(1, 2)], [(1, 1), (2, 2)])
    assert bench.control().lease_until == 0


async def test_a_flush_makes_no_more_calls_than_these() -> None:
    bench = Bench()
    bench.faults.partial_pages = False
    await bench.append(event("a"))
    await bench.flush_at(1)
    assert bench.faults.calls == CALLS


async def test_panes_that_were_saved_and_not_emitted_are_emitted_by_the_next_flush_unchanged() -> None:
    bench = Bench()
    bench.rows.faults.at_call, bench.rows.faults.answer_lost = 1, True
    await bench.append(event("a"))
    with pytest.raises(Retry):
        await bench.flush_at(1)
    await bench.append(event("b"))
    await bench.flush_at(2)
    first, again, second = bench.sinks.panes
    assert first == again
    assert (first["revision"], second["revision"], second["window_event_count"]) == (1, 2, 2)


async def test_a_flush_that_fails_while_it_recovers_leaves_the_rest_to_the_next() -> None:
    bench = Bench()
    await bench.append(event("a"))
    for call in (1, 2):
        bench.rows.faults.at_call = call
        with pytest.raises(Retry):
            await bench.flush_at(1)
    await bench.flush_at(1)
    assert bench.panes() == [("early", 1, 1, False)]


async def test_a_flush_that_reads_less_than_the_dead_one_before_it_emits_its_panes_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    bench.rows.faults.at_call = 1
    bench.database.commit([Write(f"window_log/{segment_id(WINDOW, '-')}", {"format": 2, "count": 5})])
    await bench.append(event("a"))
    with pytest.raises(Retry):
        await bench.flush_at(1)
    monkeypatch.setattr(log_reader, "LISTED", 1)
    monkeypatch.setattr(log_reader, "MAX_EVENTS", 1)
    await bench.flush_at(2)  # its first page has no event
    assert bench.panes() == [("early", 1, 1, False)]


async def test_a_segment_that_was_created_after_its_slice_was_sealed_does_not_count() -> None:
    bench = Bench()
    bench.at(1)
    bench.database.commit([Write(f"window_log/{segment_id(WINDOW, 'x')}", encode([event("stalled")]), NEW)])
    await bench.append(event("a"))
    await bench.flush_at(2)
    assert bench.panes() == [("early", 1, 1, False)]
    assert bench.newest()["1-100"]["window_event_count"] == 1
    await bench.flush_at(66)
    assert await bench.counted(event("a"), event("stalled")) == [True, False]


async def test_a_flush_that_dies_holds_the_lease_until_it_runs_out() -> None:
    bench = Bench()
    await bench.append(event("a"))
    bench.rows.faults.running.clear()
    task = asyncio.get_running_loop().create_task(bench.flush_at(1))
    await bench.until(lambda: bool(bench.control().pending))
    task.cancel()
    bench.rows.faults.running.set()
    skipped = await bench.flush_at(1.5)
    assert (skipped.status, bench.panes()) == ("skipped", [])
    assert "its lease ends at 2026-06-01T12:02:00" in skipped.detail
    assert (await bench.flush_at(2.1)).status == "done"
    assert bench.panes() == [("early", 1, 1, False)]


async def test_a_flush_that_was_overtaken_saves_nothing_more_and_says_so() -> None:
    bench = Bench()
    await bench.append(event("a"))
    slow = asyncio.get_running_loop().create_task(bench.flush_at(1))
    await bench.until(lambda: bench.control().number == 1)
    slow_faults, bench.faults = bench.faults, Faults()
    slow_faults.running.clear()
    await bench.append(event("b"))
    assert (await bench.flush_at(2.1)).status == "done"
    slow_faults.running.set()
    assert (await slow).status == "fenced"
    await bench.flush_at(6)
    assert bench.panes() == [("early", 1, 2, False), ("on_time", 2, 2, False)]


async def test_a_bucket_that_the_database_refuses_is_set_aside_and_the_others_go_on() -> None:
    bench = Bench()
    refused, other = two_buckets()
    bench.database.refuses = lambda write: is_state_of(write, refused)
    await bench.append(event("a", location=refused), event("b", location=other), *crowd())
    await bench.flush_at(1)
    assert bench.panes(other) == [("early", 1, 1, False)]
    assert bench.panes(refused) == []
    (text,) = bench.texts()
    assert "can't be stored" in text
    bench.database.refuses = lambda _: False
    await bench.flush_at(6)
    assert bench.panes(other)[-1] == ("on_time", 2, 1, False)


async def test_a_refused_bucket_beside_one_that_cuts_a_chunk_loses_none_of_its_digests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bucket, "CHUNK", 2)
    bench = Bench()
    refused, other = two_buckets()
    bench.database.refuses = lambda write: is_state_of(write, refused)
    counted = [event(f"b{number}", location=other) for number in range(3)]
    await bench.append(event("a", location=refused), *counted, *crowd())
    await bench.flush_at(1)
    await bench.append(*counted)
    await bench.flush_at(6)
    assert bench.panes(other)[-1] == ("on_time", 2, 3, False)


@pytest.mark.parametrize("fields", [{"format": 2}, {"entries": b"{"}, {"chunks": 3}, {"parts": 1}])
async def test_a_bucket_that_cannot_be_read_is_set_aside_and_the_others_go_on(
    fields: dict[str, bytes | int],
) -> None:
    bench = Bench()
    damaged, other = two_buckets()
    await bench.append(event("a", location=damaged), event("b", location=other), *crowd())
    await bench.flush_at(1)
    (document,) = [one for one in bench.stored("window_state") if is_state_of(one, damaged)]
    bench.database.commit([Write(document.name, {**document.fields, **fields})])
    await bench.append(event("c", location=damaged), event("d", location=other))
    await bench.flush_at(2)
    assert bench.panes(other)[-1] == ("early", 2, 2, False)
    assert bench.panes(damaged)[-1] == ("early", 1, 1, False)
    (text,) = bench.texts()
    assert "can't be read" in text
    assert "1 events are kept here" in text
    await bench.flush_at(66)
    assert bench.panes(other)[-1][3] is True
    assert bench.control().windows == {}


async def test_panes_that_the_table_refuses_are_dead_letters_sent_together() -> None:
    bench = Bench()
    bench.rows.outcome = lambda row: (
        Reject(ErrorType.SINK_REJECTED, "no such column") if row["location_id"] != "good" else None
    )
    await bench.append(
        event("a", location="good"), *(event("a", location=f"bad{number}") for number in range(20))
    )
    await bench.flush_at(1)
    assert len(bench.panes("good")) == 1
    assert [letter.error_type for letter in bench.sinks.dead_letters] == [ErrorType.SINK_REJECTED] * 20
    assert bench.dead_letters.most_at_once == 20
    assert bench.control().emitted == 1


async def test_a_bug_in_writing_a_pane_stays_loud_and_the_pane_comes_once_it_is_fixed() -> None:
    bench = Bench()

    def fail(_: Row) -> Outcome:
        return KeyError("table has no column colour")

    bench.rows.outcome = fail
    await bench.append(event("a"))
    with pytest.raises(KeyError, match="colour"):
        await bench.flush_at(1)
    assert bench.sinks.dead_letters == []
    bench.rows.outcome = lambda _: None
    await bench.flush_at(2.1)
    assert bench.panes() == [("early", 1, 1, False)]


async def test_an_online_store_that_is_away_costs_one_record_a_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flush, "GROUP", 1)
    bench = Bench()
    bench.online.faults.fails = 1
    await bench.append(*crowd())
    await bench.flush_at(1)
    (letter,) = bench.sinks.dead_letters
    assert letter.error_type is ErrorType.FEATURE_STORE_WRITE_FAILED
    assert "1,000 entries" in letter.text
    assert len(bench.sinks.panes) == 1000


async def test_a_record_of_online_values_is_sent_when_the_flush_fails_later() -> None:
    bench = Bench()
    bench.online.faults.fails = 1
    bench.faults.at_call = CALLS
    await bench.append(event("a"))
    with pytest.raises(Retry):
        await bench.flush_at(1)
    assert [letter.error_type for letter in bench.sinks.dead_letters] == [
        ErrorType.FEATURE_STORE_WRITE_FAILED
    ]


@pytest.mark.parametrize("at_once", [1, 7, 1000])
async def test_what_a_flush_reads_and_writes_depends_on_its_events_and_open_buckets_alone(
    at_once: int,
) -> None:
    bench = Bench()
    bench.faults.partial_pages = False
    events = crowd()
    for at in range(0, 1000, 100):
        await bench.append(*events[at : at + 100])
    await bench.flush_at(1)
    for minute in range(2, 60):  # history that is folded and settled
        await bench.flush_at(minute)
    buckets, controls = 4, 10
    await bench.append(*(event("new", location=one.location_id) for one in events[:at_once]))
    read, written = bench.database.read_documents, bench.database.written_documents
    await bench.flush_at(60)
    assert bench.database.read_documents - read <= buckets + controls
    assert bench.database.written_documents - written <= buckets + controls


async def test_a_backlog_of_several_rounds_turns_nothing_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "MAX_EVENTS", 3)
    monkeypatch.setattr(log_reader, "LISTED", 2)
    bench = Bench()
    for number in range(40):
        await bench.append(event(f"e{number}"))
    assert (await bench.flush_at(600)).status == "done"
    assert bench.panes()[-1][1:] == (len(bench.panes()), 40, True)
    assert [pane[3] for pane in bench.panes()].count(True) == 1
    assert bench.texts() == []


async def test_a_backlog_that_takes_longer_than_its_time_is_left_to_the_next_flush(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_reader, "MAX_EVENTS", 1)
    monkeypatch.setattr(log_reader, "LISTED", 1)
    monkeypatch.setattr(flush, "BUDGET", 0.0)
    bench = Bench()
    for number in range(3):
        await bench.append(event(f"e{number}"))
    assert (await bench.flush_at(600)).status == "backlog"
    assert bench.panes() == []
    monkeypatch.setattr(flush, "BUDGET", 1.0)
    assert (await bench.flush_at(600)).status == "done"
    assert bench.panes()[-1][2:] == (3, True)


async def test_segments_of_a_slice_that_is_not_sealed_are_read_again() -> None:
    bench = Bench()
    await bench.append(event("a"))
    await bench.flush()  # at 12:00:00: nothing is sealed
    assert bench.control().cursor == ""
    await bench.append(event("b"))  # its id may sort before what was read
    await bench.flush_at(0.4)
    assert bench.panes()[-1] == ("early", 2, 2, False)
    assert bench.control().cursor != ""
    read = bench.database.read_documents
    await bench.flush_at(1)
    assert bench.database.read_documents - read <= 4


async def test_a_document_in_the_log_that_is_not_a_segment_moves_neither_cursor_nor_watermark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # In order of their ids: 00x between nothing and the segments, 9-x and zz behind them all.
    monkeypatch.setattr(log_reader, "MAX_EVENTS", 1)
    monkeypatch.setattr(log_reader, "LISTED", 1)
    bench = Bench()
    for name in ("00x", "9-x", "zz"):
        bench.database.commit([Write(f"window_log/{name}", {"count": 5})])
    await bench.append(event("a"))
    await bench.flush_at(90)
    assert bench.control().cursor.startswith("0017")
    await bench.append(event("late", at=NOON.replace(hour=13, minute=29)))
    await bench.flush_at(91)
    assert [(row["window_event_count"], row["is_final"]) for row in bench.sinks.panes] == [
        (1, False),
        (1, True),
        (1, False),
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
    bench = Bench()
    await bench.append(event("a"))
    (document,) = bench.stored("window_log")
    bench.database.commit([Write(document.name, {**document.fields, **fields})])
    await bench.append(event("b"))
    await bench.flush_at(1)
    assert bench.panes() == [("early", 1, 1, False)]
    (letter,) = bench.sinks.dead_letters
    assert letter.error_type is ErrorType.UNEXPECTED_ERROR
    assert document.name in letter.text


@pytest.mark.parametrize("name", ["flush/0.0", "flush/layout"])
async def test_a_control_document_of_a_newer_format_stops_the_flush_loudly(name: str) -> None:
    bench = Bench()
    await bench.append(event("a"))
    bench.database.commit([Write(name, {"format": 2})])
    with pytest.raises(Retry, match="its format is 2, this release reads 1"):
        await bench.flush_at(1)
    assert bench.sinks.panes == []


async def test_fields_that_a_later_release_adds_are_ignored() -> None:
    bench = Bench()
    await bench.append(event("a"))
    await bench.flush_at(1)
    for document in [*bench.stored("flush"), *bench.stored("window_state")]:
        bench.database.commit([Write(document.name, {**document.fields, "new": "x"})])
    await bench.flush_at(6)
    assert bench.panes()[-1] == ("on_time", 2, 1, False)


async def test_a_window_whose_panes_are_final_stays_so_when_a_part_of_it_was_not_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flush, "GROUP", 1)
    monkeypatch.setattr(flush, "AT_ONCE", 1)
    bench = Bench()
    await bench.append(*crowd())
    await bench.flush_at(6)
    rows = bench.rows.faults
    rows.at_call = rows.calls + 3  # the third of four groups
    with pytest.raises(Retry):
        await bench.flush_at(66)
    await bench.flush_at(67)
    finals = [str(row["location_id"]) for row in bench.sinks.panes if row["is_final"]]
    assert sorted(set(finals)) == sorted(one.location_id for one in crowd())
    assert {row["revision"] for row in bench.sinks.panes if row["is_final"]} == {2}


async def test_a_location_that_a_backlog_brings_after_the_windows_end_gets_its_on_time_pane_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    await bench.append(event("a", location="1-200"))
    await bench.flush_at(5.01)  # the log is read to its end, and sealed up to 4:50
    await bench.append(event("b"))
    monkeypatch.setattr(log_reader, "MAX_EVENTS", 1)
    monkeypatch.setattr(log_reader, "LISTED", 1)
    monkeypatch.setattr(flush, "sealed_before", lambda _: WINDOW)
    assert (await bench.flush_at(5.02)).status == "done"
    assert bench.panes("1-100") == [("on_time", 1, 1, False)]


async def test_panes_of_a_bucket_that_can_no_longer_be_read_are_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.rows.faults.at_call = 1
    await bench.append(event("a"))
    with pytest.raises(Retry):
        await bench.flush_at(1)
    (document,) = bench.stored("window_state")
    bench.database.commit([Write(document.name, {"format": 2})])
    await bench.flush_at(2)
    assert "its format is 2, this release reads 1" in caplog.text
    assert len(bench.texts()) == 1  # the event is read again: the flush that died had not finished
    caplog.clear()
    await bench.flush_at(6)
    assert "its format is 2, this release reads 1" in caplog.text
    assert len(bench.texts()) == 1


def crowd() -> list[Contribution]:
    """1,000 locations: four buckets."""
    return [event("a", location=f"crowd-{number}") for number in range(1000)]


def two_buckets() -> tuple[str, str]:
    """Two locations that do not share a bucket among four."""
    first = "special"
    others = (f"other-{number}" for number in range(100))
    return first, next(one for one in others if (location_hash(one) ^ location_hash(first)) & 3)


def is_state_of(one: Write | Document, location: str) -> bool:
    """Whether it is the document of this location's bucket."""
    entries = one.fields.get("entries")
    return isinstance(entries, bytes) and location.encode() in entries
