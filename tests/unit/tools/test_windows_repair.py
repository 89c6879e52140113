"""verify-windows: what it sees, and that a repair comes out right whatever is killed and beside any flush."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import TypeVar

import pytest

from shared.errors import ErrorType, Reject, Retry
from shared.online import Unwritten
from shared.windows.bucket_documents import bucket_name, meta_name
from shared.windows.documents import Write
from shared.windows.key import WindowKey
from shared.windows.lookup import Lookup
from shared.windows.state import Control, Shard
from tests.support.faults import Faults
from tests.unit.tools.repair_harness import (
    KEY,
    LATENESS,
    NOON,
    RepairHarness,
    features_row,
    given,
    killed,
    settled,
)
from tools.errors import CommandError
from tools.pipeline.flush_state import read_flush_state
from tools.windows.comparing import Difference
from tools.windows.naming import with_events
from tools.windows.repair import Repair, Repaired

T = TypeVar("T")

SHARD = Shard()
A, B = features_row("a"), features_row("b")


async def repairing(
    bench: RepairHarness, found: Sequence[Difference], faults: Faults | None = None
) -> Repaired:
    bench.sinks.faults = faults or Faults()
    layout = (await read_flush_state(bench.documents())).layout
    return await Repair(bench.documents(faults), bench.sinks, bench.sinks).run(layout, found)


def repair(bench: RepairHarness, *rows: dict[str, object], faults: Faults | None = None) -> Repaired:
    return asyncio.run(repairing(bench, bench.verify(*rows).differences, faults))


def said(bench: RepairHarness, *rows: dict[str, object]) -> list[str]:
    return [one.what for one in bench.verify(*rows).differences]


def change_control(bench: RepairHarness, **fields: object) -> None:
    stored = bench.database.documents[SHARD.control]
    control = replace(Control.from_fields(stored.fields), **fields)  # type: ignore[arg-type]  # a test's fields
    bench.database.commit([Write(SHARD.control, control.to_fields())])


def test_a_window_that_agrees_with_its_rows_is_no_difference() -> None:
    found = settled(given("a"), given("b")).verify(A, B)
    assert (found.compared, found.unsettled, found.differences) == (1, 0, [])


def test_a_timely_event_that_no_final_pane_counts_is_fixed_by_a_final_revision() -> None:
    bench = settled(given("a"))
    (found,) = bench.verify(A, B).differences
    assert found.what.startswith("window_event_count: 1 instead of 2")
    assert repair(bench, A, B).revisions == {KEY: found.revision + 1}
    assert said(bench, A, B) == []
    assert bench.latest()[KEY]["is_final"]


def test_an_event_whose_row_says_late_although_a_pane_counts_it_leaves_the_pane() -> None:
    bench = settled(given("a"), given("b"))
    late = features_row("b", is_late=True)
    (what,) = said(bench, A, late)
    assert what.startswith("window_event_count: 2 instead of 1")
    repair(bench, A, late)
    assert said(bench, A, late) == []


def test_a_window_that_only_late_events_were_counted_in_becomes_empty() -> None:
    bench = settled(given("a"))
    late = features_row("a", is_late=True)
    repair(bench, late)
    assert bench.latest()[KEY]["window_event_count"] == 0
    assert said(bench, late) == []


def test_a_late_event_without_a_window_is_no_difference() -> None:
    assert said(settled(), features_row("a", is_late=True)) == []


def test_a_timely_row_without_a_window_gets_one_that_the_lookup_of_late_events_knows() -> None:
    bench = settled()
    assert said(bench, A) == ["1 events that are not late, and no pane"]
    repair(bench, A)
    pane = bench.latest()[KEY]
    assert (pane["revision"], pane["pane"], pane["is_final"]) == (1, "on_time", True)
    assert meta_name(SHARD, KEY.start) in bench.database.documents
    lookup = Lookup(bench.documents(), LATENESS)
    assert asyncio.run(lookup.counted([given("a"), given("b")])) == [True, False]


def test_many_windows_without_documents_are_divided_into_buckets() -> None:
    bench = settled()
    rows = [features_row("a", f"1-{number}") for number in range(1_000)]
    assert len(repair(bench, *rows).revisions) == 1_000
    assert said(bench, *rows) == []
    assert len([name for name in bench.database.documents if name.startswith("window_state")]) == 4 + 1


def test_a_repair_keeps_the_number_of_buckets_of_a_window() -> None:
    events = [given("a", f"1-{number}") for number in range(1_000)]
    bench = settled(*events)
    rows = [features_row("a", f"1-{number}") for number in range(1_000)]
    assert len(repair(bench, *rows, features_row("b", "1-5")).revisions) == 1
    assert all(asyncio.run(Lookup(bench.documents(), LATENESS).counted(events)))


def test_a_window_whose_rows_are_gone_is_listed_and_left_alone() -> None:
    bench = settled(given("a"))
    assert said(bench) == ["its pane counts 1 events, no row is left"]
    assert repair(bench) == Repaired()
    assert said(bench) == ["its pane counts 1 events, no row is left"]


def test_a_window_whose_final_pane_bigquery_refused_gets_another() -> None:
    bench = RepairHarness()
    bench.append(given("a"))
    bench.flush()
    bench.now = NOON + timedelta(hours=2)
    bench.sinks.refuses_rows = Reject(ErrorType.SINK_REJECTED, "no such column")
    bench.flush()
    bench.sinks.refuses_rows = None
    assert said(bench, A) == ["it is settled, and its latest pane is not final"]
    assert repair(bench, A).revisions == {KEY: 3}, "the refused pane took revision 2"
    assert said(bench, A) == []


def test_a_window_that_the_flush_has_not_settled_is_not_compared() -> None:
    bench = RepairHarness()
    assert bench.verify(A).unsettled == 1, "no flush has run"
    bench.append(given("a"))
    bench.now = NOON + timedelta(hours=2)
    found = bench.verify(A, B)
    assert (found.compared, found.unsettled) == (0, 1), "the clock alone settles nothing"


def test_a_redelivery_after_the_repair_is_known_and_a_later_flush_agrees() -> None:
    bench = settled(given("a"))
    repair(bench, A, B)
    lookup = Lookup(bench.documents(), LATENESS)
    assert asyncio.run(lookup.counted([given("a"), given("b"), given("c")])) == [True, True, False]
    assert bench.flush().panes.total() == 0
    assert said(bench, A, B) == []
    assert bench.sinks.failures == []


def test_the_events_that_make_a_difference_are_named() -> None:
    bench = settled(given("a"), given("b"))
    missing = [features_row(f"c{number}") for number in range(7)]
    found = bench.verify(A, features_row("b", is_late=True), features_row("d", is_late=True), *missing)
    (one,) = asyncio.run(with_events(bench.documents(), LATENESS, found.differences))
    assert one.what.endswith(
        "; in no pane, though not late: c0, c1, c2, c3, c4 and 2 more; counted, though late: b"
    )


def test_a_second_repair_finds_nothing_to_do() -> None:
    bench = settled(given("a"))
    repair(bench, A, B)
    assert repair(bench, A, B) == Repaired()


def test_a_redelivered_event_may_have_been_late_or_not() -> None:
    again = features_row("a") | {"last_arrival": NOON + timedelta(minutes=6)}
    assert said(settled(given("a")), again) == []


def test_each_shard_repairs_its_own_locations() -> None:
    locations = [f"1-{number}" for number in range(20)]
    bench = settled(*(given("a", location) for location in locations), shards=3)
    rows = [features_row(event_id, location) for location in locations for event_id in ("a", "b")]
    state = asyncio.run(read_flush_state(bench.documents()))
    assert {state.shard_of(WindowKey(KEY.start, location)).name for location in locations} == {
        "1.0",
        "1.1",
        "1.2",
    }
    assert set(repair(bench, *rows).revisions) == {WindowKey(KEY.start, location) for location in locations}
    assert said(bench, *rows) == []
    assert bench.flush().panes.total() == 0


@pytest.mark.parametrize("seconds", [1, 59])
def test_a_repair_refuses_while_a_flush_is_at_work(seconds: int) -> None:
    bench = settled(given("a"))
    before = dict(bench.database.documents)
    change_control(bench, lease_until=bench.database.last + seconds * 1_000_000)
    with pytest.raises(CommandError, match="a flush is at work, or died"):
        repair(bench, A, B)
    assert before.keys() == bench.database.documents.keys()


def test_a_repair_refuses_while_a_dead_flush_has_left_panes() -> None:
    bench = settled(given("a"))
    change_control(bench, number=99)
    with pytest.raises(CommandError, match="a flush has left panes to write: flush once"):
        repair(bench, A, B)


@dataclass
class Overtaken(Faults):
    """At a call of the repair its lease has run out, and a whole flush goes first."""

    bench: RepairHarness = field(default_factory=RepairHarness)
    flush_at: int = 0

    async def around(self, effect: Callable[[], T]) -> T:
        if self.calls + 1 == self.flush_at:
            self.bench.now += timedelta(minutes=2)
            await self.bench.flushing()
        return await super().around(effect)


@pytest.mark.parametrize("call", range(2, 6))
def test_a_repair_that_a_flush_overtakes_writes_nothing_more(call: int) -> None:
    """Its calls: the control document, the meta documents, begin, the bucket, save."""
    bench = settled(given("a"))
    before = bench.latest()
    with pytest.raises(CommandError, match="a flush took over in the middle: run the repair again"):
        repair(bench, A, B, faults=Overtaken(bench=bench, flush_at=call))
    assert bench.latest() == before
    repair(bench, A, B)
    assert said(bench, A, B) == []


def test_a_repair_killed_anywhere_is_finished_by_the_next_flush_or_the_next_repair() -> None:
    for after in count(1):
        bench = settled(given("a"), given("a", "1-2"))
        rows = [*(features_row(name, place) for place in ("1-1", "1-2") for name in "ab")]
        found = bench.verify(*rows).differences
        is_done = asyncio.run(killed(repairing(bench, found), after))
        bench.now += timedelta(minutes=2)
        bench.flush()
        repair(bench, *rows)
        assert said(bench, *rows) == []
        assert all(one == list(range(1, len(one) + 1)) for one in bench.revisions().values())
        if is_done:
            break
    assert after > 10, "it took its steps one by one"


@pytest.mark.parametrize("answer_lost", [False, True])
def test_a_service_that_fails_anywhere_costs_a_second_run(answer_lost: bool) -> None:
    for at_call in count(1):
        bench = settled(given("a"))
        try:
            repair(bench, A, B, faults=Faults(at_call=at_call, answer_lost=answer_lost))
        except Retry:
            bench.now += timedelta(minutes=2)
            bench.flush()
            repair(bench, A, B)
            assert said(bench, A, B) == []
            assert all(one == list(range(1, len(one) + 1)) for one in bench.revisions().values())
        else:
            break
    assert at_call > 6, "every call of a repair failed once"


def test_a_repair_that_bigquery_refuses_says_so_and_leaves_the_panes_to_the_next_flush() -> None:
    bench = settled(given("a"))
    bench.sinks.refuses_rows = Reject(ErrorType.SINK_REJECTED, "no such column")
    with pytest.raises(CommandError, match="BigQuery refused 1 panes, the first because: no such column"):
        repair(bench, A, B)
    bench.sinks.refuses_rows = None
    bench.flush()
    assert said(bench, A, B) == []


def test_a_bucket_that_cant_be_read_is_left_with_what_to_do() -> None:
    bench = settled(given("a"))
    name = bucket_name(SHARD, KEY.start, 0)
    newer = {**bench.database.documents[name].fields, "format": 2}
    bench.database.commit([Write(name, newer)])
    (sentence,) = repair(bench, A, B).left
    assert f"{name} can't be read (its format is 2, this release reads 1)" in sentence
    assert bench.database.documents[name].fields["format"] == 2


def test_values_that_the_online_store_does_not_take_are_named_and_do_not_stop_the_repair() -> None:
    bench = settled(given("a"))
    bench.sinks.unwritten = Unwritten(1, NOON, NOON, "away")
    assert repair(bench, A, B).unwritten == [bench.sinks.unwritten]
    assert said(bench, A, B) == []
