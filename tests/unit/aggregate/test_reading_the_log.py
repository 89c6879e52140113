"""How far a flush reads the log, and what it may conclude from that."""

import pytest

from functions.aggregate import flush, log_reader
from shared.windows.documents import NEW, Write
from shared.windows.log import segment_id
from shared.windows.segment import encode
from tests.support.bench import NOON, WINDOW, Bench, event


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
