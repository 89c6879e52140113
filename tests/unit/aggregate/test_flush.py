"""One flush against services that fail, answer late or die under it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from functions.aggregate import flush, planning
from shared.delivery.batching import Outcome
from shared.errors import Retry
from shared.tables.columns import Row
from shared.windows.documents import Write
from shared.windows.log import segment_id
from tests.support.faults import Faults
from tests.support.flush_harness import WINDOW, FlushHarness, crowd, event, read_in_pages
from tests.support.memory_sinks import MemoryRows

CALLS = 8
"""Of a flush with one segment: layout, control, list, list again, begin, load, save, finish."""


@pytest.mark.parametrize("answer_lost", [False, True])
@pytest.mark.parametrize("call", range(1, CALLS + 1))
async def test_a_call_that_fails_is_a_retry_and_the_next_flush_goes_on(call: int, answer_lost: bool) -> None:
    harness = FlushHarness()
    harness.faults.at_call, harness.faults.answer_lost = call, answer_lost
    await harness.append(event("a"))
    with pytest.raises(Retry):
        await harness.flush_at(1)
    await harness.append(event("b"))
    await harness.flush_at(1)
    await harness.flush_at(2.1)  # a lease that was not released has run out
    rows = {(row["revision"], row["window_event_count"]): row for row in harness.sinks.panes}
    assert all(row in rows.values() for row in harness.sinks.panes)  # twice, but the same
    assert list(rows) in ([(1, 2)], [(1, 1), (2, 2)])
    assert harness.control().lease_until == 0


async def test_a_flush_makes_no_more_calls_than_these() -> None:
    harness = FlushHarness()
    harness.faults.partial_pages = False
    await harness.append(event("a"))
    await harness.flush_at(1)
    assert harness.faults.calls == CALLS


async def test_panes_that_were_saved_and_not_emitted_are_emitted_by_the_next_flush_unchanged() -> None:
    harness = FlushHarness()
    harness.rows.faults.at_call, harness.rows.faults.answer_lost = 1, True
    await harness.append(event("a"))
    with pytest.raises(Retry):
        await harness.flush_at(1)
    await harness.append(event("b"))
    await harness.flush_at(2)
    first, again, second = harness.sinks.panes
    assert first == again
    assert (first["revision"], second["revision"], second["window_event_count"]) == (1, 2, 2)


async def test_a_flush_that_fails_while_it_recovers_leaves_the_rest_to_the_next() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    for call in (1, 2):
        harness.rows.faults.at_call = call
        with pytest.raises(Retry):
            await harness.flush_at(1)
    await harness.flush_at(1)
    assert harness.panes() == [("early", 1, 1, False)]


async def test_a_flush_that_dies_leaves_only_those_panes_to_recover_that_it_saved_and_did_not_emit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "GROUP", 1)
    monkeypatch.setattr(flush, "AT_ONCE", 1)
    harness = FlushHarness()
    harness.rows.faults.at_call = 3
    await harness.append(*crowd())
    with pytest.raises(Retry):
        await harness.flush_at(1)
    assert harness.control().pending == {(WINDOW, 2)}


async def test_what_is_left_to_recover_shrinks_though_each_flush_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A recovery that takes longer than a flush has would else begin anew for ever."""
    monkeypatch.setattr(planning, "GROUP", 1)
    harness = FlushHarness()
    await harness.append(*crowd())
    await harness.flush_at(1)
    saved = frozenset((WINDOW, number) for number in range(4))
    died = replace(harness.control(), emitted=0, pending=saved)
    harness.database.commit([Write("flush/0.0", died.to_fields())])
    harness.rows.faults.at_call = harness.rows.faults.calls + 3
    with pytest.raises(Retry):
        await harness.flush_at(1)
    assert harness.control().pending == {(WINDOW, 2), (WINDOW, 3)}


async def test_a_flush_that_reads_less_than_the_dead_one_before_it_emits_its_panes_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harness = FlushHarness()
    harness.rows.faults.at_call = 1
    harness.database.commit([Write(f"window_log/{segment_id(WINDOW, '-')}", {"format": 2, "count": 5})])
    await harness.append(event("a"))
    with pytest.raises(Retry):
        await harness.flush_at(1)
    read_in_pages(monkeypatch)
    await harness.flush_at(2)  # its first page has no event
    assert harness.panes() == [("early", 1, 1, False)]


async def test_a_flush_that_dies_holds_the_lease_until_it_runs_out() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    harness.rows.faults.running.clear()
    task = asyncio.get_running_loop().create_task(harness.flush_at(1))
    await harness.until(lambda: bool(harness.control().pending))
    task.cancel()
    harness.rows.faults.running.set()
    skipped = await harness.flush_at(1.5)
    assert (skipped.status, harness.panes()) == ("skipped", [])
    assert "its lease ends at 2026-06-01T12:02:00" in skipped.detail
    assert (await harness.flush_at(2.1)).status == "done"
    assert harness.panes() == [("early", 1, 1, False)]


async def test_a_flush_that_was_overtaken_saves_nothing_more_and_says_so() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    slow = asyncio.get_running_loop().create_task(harness.flush_at(1))
    await harness.until(lambda: harness.control().number == 1)
    slow_faults, harness.faults = harness.faults, Faults()
    slow_faults.running.clear()
    await harness.append(event("b"))
    assert (await harness.flush_at(2.1)).status == "done"
    slow_faults.running.set()
    fenced = await slow
    assert (fenced.status, fenced.detail) == ("fenced", "another flush took over and does the rest")
    await harness.flush_at(6)
    assert harness.panes() == [("early", 1, 2, False), ("on_time", 2, 2, False)]


@pytest.mark.parametrize("at_once", [1, 7, 1000])
async def test_what_a_flush_reads_and_writes_depends_on_its_events_and_open_buckets_alone(
    at_once: int,
) -> None:
    harness = FlushHarness()
    harness.faults.partial_pages = False
    events = crowd()
    for at in range(0, 1000, 100):
        await harness.append(*events[at : at + 100])
    await harness.flush_at(1)
    for minute in range(2, 60):  # history that is folded and settled
        await harness.flush_at(minute)
    buckets, controls = 4, 10
    await harness.append(*(event("new", location=member.location_id) for member in events[:at_once]))
    read, written = harness.database.read_documents, harness.database.written_documents
    await harness.flush_at(60)
    assert harness.database.read_documents - read <= buckets + controls
    assert harness.database.written_documents - written <= buckets + controls


async def test_a_window_whose_panes_are_final_stays_so_when_a_part_of_it_was_not_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "GROUP", 1)
    monkeypatch.setattr(flush, "AT_ONCE", 1)
    harness = FlushHarness()
    await harness.append(*crowd())
    await harness.flush_at(6)
    rows = harness.rows.faults
    rows.at_call = rows.calls + 3  # the third of four groups
    with pytest.raises(Retry):
        await harness.flush_at(66)
    await harness.flush_at(67)
    finals = [str(row["location_id"]) for row in harness.sinks.panes if row["is_final"]]
    assert sorted(set(finals)) == sorted(member.location_id for member in crowd())
    assert {row["revision"] for row in harness.sinks.panes if row["is_final"]} == {2}


async def test_a_save_of_one_group_does_not_forget_that_another_still_has_panes_to_emit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "GROUP", 1)
    harness = FlushHarness()
    places = crowd()
    await harness.append(*places)
    saved_both = asyncio.Event()

    class Away(MemoryRows):
        """Fails once another group has been saved beside this one."""

        async def append_rows(self, rows: Sequence[Row]) -> Sequence[Outcome]:  # noqa: ARG002 - the port's
            await harness.until(lambda: len(harness.control().pending) > 1 or harness.control().number > 1)
            saved_both.set()
            raise Retry("BigQuery is away")

    rows, harness.rows = harness.rows, Away([])
    with pytest.raises(Retry):
        await harness.flush_at(1)
    assert saved_both.is_set()
    harness.rows = rows
    await harness.flush_at(3)  # after the lease of the flush that was cut off
    assert sorted(str(row["location_id"]) for row in harness.sinks.panes) == sorted(
        place.location_id for place in places
    )


async def test_a_group_that_fails_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its error is told: the next flush must not meet what this one still writes."""
    monkeypatch.setattr(planning, "GROUP", 1)
    harness = FlushHarness()
    await harness.append(*crowd())

    class Slow(MemoryRows):
        """The first batch fails once others are on their way, which are never answered."""

        async def append_rows(self, rows: Sequence[Row]) -> Sequence[Outcome]:  # noqa: ARG002 - the port's
            self.at_once += 1
            try:
                if self.at_once > 1:
                    await asyncio.Event().wait()
                await harness.until(lambda: self.at_once > 1)
                raise Retry("BigQuery is away")
            finally:
                self.at_once -= 1

    harness.rows = slow = Slow([])
    with pytest.raises(Retry):
        await asyncio.wait_for(harness.flush_at(1), timeout=20)
    assert slow.at_once == 0
