"""How far a flush reads the log, and what it may conclude from that."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from functions.aggregate import flush, log_reader
from shared.delivery.batching import Outcome
from shared.errors import Retry
from shared.tables.columns import Row
from shared.windows.documents import NEW, Write
from shared.windows.log import LogWriter, segment_id
from shared.windows.segment import encode
from shared.windows.state import segment_key
from tests.support.flush_harness import NOON, WINDOW, FlushHarness, event, read_in_pages


async def test_a_segment_that_was_created_after_its_slice_was_sealed_does_not_count() -> None:
    harness = FlushHarness()
    harness.at(1)
    harness.database.commit([Write(f"window_log/{segment_id(WINDOW, 'x')}", encode([event("stalled")]), NEW)])
    await harness.append(event("a"))
    await harness.flush_at(2)
    assert harness.panes() == [("early", 1, 1, False)]
    assert harness.newest()["1-100"]["window_event_count"] == 1
    await harness.flush_at(66)
    assert await harness.counted(event("a"), event("stalled")) == [True, False]


async def test_a_backlog_of_several_rounds_turns_nothing_late(monkeypatch: pytest.MonkeyPatch) -> None:
    read_in_pages(monkeypatch, events=3, listed=2)
    harness = FlushHarness()
    for number in range(40):
        await harness.append(event(f"e{number}"))
    assert (await harness.flush_at(600)).status == "done"
    assert harness.panes()[-1][1:] == (len(harness.panes()), 40, True)
    assert [pane[3] for pane in harness.panes()].count(True) == 1
    assert harness.texts() == []


async def test_a_backlog_that_takes_longer_than_its_time_is_left_to_the_next_flush(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_in_pages(monkeypatch)
    monkeypatch.setattr(flush, "BUDGET", 0.0)
    harness = FlushHarness()
    for number in range(3):
        await harness.append(event(f"e{number}"))
    assert (await harness.flush_at(600)).status == "backlog"
    assert harness.panes() == []
    monkeypatch.setattr(flush, "BUDGET", 1.0)
    assert (await harness.flush_at(600)).status == "done"
    assert harness.panes()[-1][2:] == (3, True)


async def test_a_page_that_is_cut_is_read_up_to_its_last_slice_and_not_through_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_in_pages(monkeypatch, events=2, listed=1)
    harness = FlushHarness()
    for name in ("a", "b", "c"):  # one slice
        await harness.append(event(name))
    documents = harness.documents()
    sealed = WINDOW + 60_000_000
    cut = await log_reader.read_page(documents, "", "", sealed)
    assert (len(cut.segments), cut.at_end, cut.watermark) == (2, False, WINDOW)
    assert cut.cursor == cut.position == cut.segments[-1].id
    rest = await log_reader.read_page(documents, cut.position, cut.cursor, sealed)
    assert (len(rest.segments), rest.at_end, rest.watermark) == (1, True, sealed)


async def test_segments_of_a_slice_that_is_not_sealed_are_read_again() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    await harness.flush()  # at 12:00:00: nothing is sealed
    assert harness.control().cursor == ""
    await harness.append(event("b"))  # its id may sort before what was read
    second = await harness.flush_at(0.4)
    assert (second.segments, second.events.total()) == (1, 1), "what was folded is not folded again"
    assert harness.panes()[-1] == ("early", 2, 2, False)
    assert harness.control().cursor != ""
    read = harness.database.read_documents
    await harness.flush_at(1)
    assert harness.database.read_documents - read <= 4


async def test_what_a_window_holds_is_counted_once_however_many_rounds_a_flush_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_in_pages(monkeypatch)
    harness = FlushHarness()
    for name, location in (("a", "1-1"), ("b", "1-1"), ("c", "1-2")):
        await harness.append(event(name, location=location))
    await harness.flush_at(1)
    (window,) = harness.control().windows.values()
    assert (window.locations, window.events) == (2, 3)


async def test_a_flush_remembers_what_all_its_rounds_read_of_slices_that_are_not_sealed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_in_pages(monkeypatch)
    harness = FlushHarness()
    for name in ("a", "b", "c"):
        await harness.append(event(name))
    await harness.flush()
    names = [document.id for document in harness.stored("window_log")]
    assert harness.control().ahead == frozenset(map(segment_key, names))
    await harness.flush_at(0.4)  # they are sealed: the cursor says it
    assert harness.control().ahead == frozenset()


async def test_the_watermark_does_not_go_back_for_a_segment_that_came_after_its_slice_was_sealed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_in_pages(monkeypatch)
    harness = FlushHarness()
    await harness.flush_at(1)
    read = harness.control().watermark
    stalled = [event("stalled")]
    harness.database.commit([Write(f"window_log/{segment_id(WINDOW, 'x')}", encode(stalled), NEW)])
    await harness.append(event("a"))
    harness.faults.at_call = harness.faults.calls + 6  # the second round's list: the first was cut
    with pytest.raises(Retry):
        await harness.flush_at(1.5)
    assert harness.control().cursor == segment_id(WINDOW, "x")
    assert harness.control().watermark == read


async def test_a_document_in_the_log_that_is_not_a_segment_moves_neither_cursor_nor_watermark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # In order of their ids: 00x between nothing and the segments, 9-x and zz behind them all.
    read_in_pages(monkeypatch)
    harness = FlushHarness()
    for name in ("00x", "9-x", "zz"):
        harness.database.commit([Write(f"window_log/{name}", {"count": 5})])
    await harness.append(event("a"))
    await harness.flush_at(90)
    assert harness.control().cursor.startswith("0017")
    await harness.append(event("late", at=NOON.replace(hour=13, minute=29)))
    await harness.flush_at(91)
    assert [(row["window_event_count"], row["is_final"]) for row in harness.sinks.panes] == [
        (1, False),
        (1, True),
        (1, False),
    ]


async def test_a_location_that_a_backlog_brings_after_the_windows_end_gets_its_on_time_pane_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harness = FlushHarness()
    await harness.append(event("a", location="1-200"))
    await harness.flush_at(5.01)  # the log is read to its end, and sealed up to 4:50
    await harness.append(event("c", location="1-300"))
    await harness.append(event("b"))  # in the second round
    read_in_pages(monkeypatch)
    monkeypatch.setattr(flush, "sealed_before", lambda _: WINDOW)
    assert (await harness.flush_at(5.02)).status == "done"
    assert harness.panes("1-100") == [("on_time", 1, 1, False)]


async def test_slices_that_are_sealed_while_a_flush_reads_are_read_again_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A segment came to be behind the flush's back, in a slice that it had read and that was still open."""
    read_in_pages(monkeypatch)
    harness = FlushHarness()
    names = iter(["5", "9", "1"])
    writer = LogWriter(harness.documents(), lambda: next(names))
    await writer.append([event("first")], harness.now, harness.now)
    ahead = harness.now + timedelta(seconds=10)  # another instance's clock
    await writer.append([event("ahead")], ahead, ahead)
    append_rows = harness.rows.append_rows

    async def meanwhile(rows: Sequence[Row]) -> Sequence[Outcome]:
        monkeypatch.setattr(harness.rows, "append_rows", append_rows)  # once
        await writer.append([event("behind")], harness.now, harness.now)
        harness.now += timedelta(seconds=45)
        return await append_rows(rows)

    monkeypatch.setattr(harness.rows, "append_rows", meanwhile)  # during the first round
    assert (await harness.flush()).status == "done"
    await harness.flush_at(1)
    assert harness.panes()[-1][2] == 3
