"""verify-windows: what it sees, and that a repair comes out right whatever is killed and beside any flush."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import TypeVar

import pytest

from shared.clock import to_micros
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
from tools.windows.comparing import Difference, advice
from tools.windows.naming import with_events
from tools.windows.repair import Repair, Repaired

T = TypeVar("T")

SHARD = Shard()
A, B = features_row("a"), features_row("b")


async def repairing(
    harness: RepairHarness, found: Sequence[Difference], faults: Faults | None = None
) -> Repaired:
    harness.sinks.faults = faults or Faults()
    layout = (await read_flush_state(harness.documents())).layout
    return await Repair(harness.documents(faults), harness.sinks, harness.sinks).run(layout, found)


def repair(harness: RepairHarness, *rows: dict[str, object], faults: Faults | None = None) -> Repaired:
    return asyncio.run(repairing(harness, harness.verify(*rows).differences, faults))


def said(harness: RepairHarness, *rows: dict[str, object]) -> list[str]:
    return [difference.what for difference in harness.verify(*rows).differences]


def change_control(harness: RepairHarness, **fields: object) -> None:
    stored = harness.database.documents[SHARD.control]
    control = replace(Control.from_fields(stored.fields), **fields)  # type: ignore[arg-type]  # a test's fields
    harness.database.commit([Write(SHARD.control, control.to_fields())])


def test_a_window_that_agrees_with_its_rows_is_no_difference() -> None:
    found = settled(given("a"), given("b")).verify(A, B)
    assert (found.compared, found.unsettled, found.differences) == (1, 0, [])


def test_a_timely_event_that_no_final_pane_counts_is_fixed_by_a_final_revision() -> None:
    harness = settled(given("a"))
    (found,) = harness.verify(A, B).differences
    assert found.what.startswith("window_event_count: 1 instead of 2")
    assert repair(harness, A, B).revisions == {KEY: found.revision + 1}
    assert said(harness, A, B) == []
    assert harness.latest()[KEY]["is_final"]


def test_an_event_whose_row_says_late_although_a_pane_counts_it_leaves_the_pane() -> None:
    harness = settled(given("a"), given("b"))
    late = features_row("b", is_late=True)
    (what,) = said(harness, A, late)
    assert what.startswith("window_event_count: 2 instead of 1")
    repair(harness, A, late)
    assert said(harness, A, late) == []


def test_a_window_that_only_late_events_were_counted_in_becomes_empty() -> None:
    harness = settled(given("a"))
    late = features_row("a", is_late=True)
    repair(harness, late)
    assert harness.latest()[KEY]["window_event_count"] == 0
    assert said(harness, late) == []


def test_a_late_event_without_a_window_is_no_difference() -> None:
    assert said(settled(), features_row("a", is_late=True)) == []


def test_a_timely_row_without_a_window_gets_one_that_the_lookup_of_late_events_knows() -> None:
    harness = settled()
    assert said(harness, A) == ["1 events that are not late, and no pane"]
    repair(harness, A)
    pane = harness.latest()[KEY]
    assert (pane["revision"], pane["pane"], pane["is_final"]) == (1, "on_time", True)
    assert meta_name(SHARD, KEY.start) in harness.database.documents
    lookup = Lookup(harness.documents(), LATENESS)
    assert asyncio.run(lookup.counted([given("a"), given("b")])) == [True, False]


def test_many_windows_without_documents_are_divided_into_buckets() -> None:
    harness = settled()
    rows = [features_row("a", f"1-{number}") for number in range(1_000)]
    assert len(repair(harness, *rows).revisions) == 1_000
    assert said(harness, *rows) == []
    assert len([name for name in harness.database.documents if name.startswith("window_state")]) == 4 + 1


def test_a_repair_keeps_the_number_of_buckets_of_a_window() -> None:
    events = [given("a", f"1-{number}") for number in range(1_000)]
    harness = settled(*events)
    rows = [features_row("a", f"1-{number}") for number in range(1_000)]
    assert len(repair(harness, *rows, features_row("b", "1-5")).revisions) == 1
    assert all(asyncio.run(Lookup(harness.documents(), LATENESS).counted(events)))


def test_a_window_whose_rows_are_gone_is_listed_and_left_alone() -> None:
    harness = settled(given("a"))
    assert said(harness) == ["its pane counts 1 events, no row is left"]
    assert repair(harness) == Repaired()
    assert said(harness) == ["its pane counts 1 events, no row is left"]


def test_a_window_whose_final_pane_bigquery_refused_gets_another() -> None:
    harness = RepairHarness()
    harness.append(given("a"))
    harness.flush()
    harness.now = NOON + timedelta(hours=2)
    harness.sinks.refuses_rows = Reject(ErrorType.SINK_REJECTED, "no such column")
    harness.flush()
    harness.sinks.refuses_rows = None
    assert said(harness, A) == ["it is settled, and its latest pane is not final"]
    assert repair(harness, A).revisions == {KEY: 3}, "the refused pane took revision 2"
    assert said(harness, A) == []


def test_a_window_that_the_flush_has_not_settled_is_not_compared() -> None:
    harness = RepairHarness()
    assert harness.verify(A).unsettled == 1, "no flush has run"
    harness.append(given("a"))
    harness.now = NOON + timedelta(hours=2)
    found = harness.verify(A, B)
    assert (found.compared, found.unsettled) == (0, 1), "the clock alone settles nothing"


def test_a_redelivery_after_the_repair_is_known_and_a_later_flush_agrees() -> None:
    harness = settled(given("a"))
    repair(harness, A, B)
    lookup = Lookup(harness.documents(), LATENESS)
    assert asyncio.run(lookup.counted([given("a"), given("b"), given("c")])) == [True, True, False]
    assert harness.flush().panes.total() == 0
    assert said(harness, A, B) == []
    assert harness.sinks.failures == []


def test_the_events_that_make_a_difference_are_named() -> None:
    harness = settled(given("a"), given("b"))
    missing = [features_row(f"c{number}") for number in range(7)]
    found = harness.verify(A, features_row("b", is_late=True), features_row("d", is_late=True), *missing)
    (difference,) = asyncio.run(with_events(harness.documents(), LATENESS, found.differences))
    assert difference.what.endswith(
        "; in no pane, though not late: c0, c1, c2, c3, c4 and 2 more; counted, though late: b"
    )


def test_a_second_repair_finds_nothing_to_do() -> None:
    harness = settled(given("a"))
    repair(harness, A, B)
    assert repair(harness, A, B) == Repaired()


AFTER = NOON + timedelta(minutes=6)
"""Beyond the end of the window."""


def test_a_redelivered_event_may_have_been_late_or_not() -> None:
    again = features_row("a") | {"last_arrival": AFTER}
    assert said(settled(given("a")), again) == []
    counted_late = given("a")._replace(arrival_micros=to_micros(AFTER))
    assert said(settled(counted_late), again) == []


def test_a_late_count_that_no_arrival_explains_is_a_difference() -> None:
    arrivals = ("publish_timestamp", "first_arrival", "last_arrival")
    came_late = features_row("a") | dict.fromkeys(arrivals, AFTER)
    assert said(settled(given("a")), came_late) == ["late_event_count: 0 instead of 1"]
    counted_late = given("a")._replace(arrival_micros=to_micros(AFTER))
    assert said(settled(counted_late), A) == ["late_event_count: 1 instead of 0"]


def test_a_repair_makes_no_late_event_known_as_counted() -> None:
    harness = settled(given("a"))
    repair(harness, A, B, features_row("late", is_late=True))
    lookup = Lookup(harness.documents(), LATENESS)
    assert asyncio.run(lookup.counted([given("b"), given("late")])) == [True, False]


def test_each_shard_repairs_its_own_locations() -> None:
    locations = [f"1-{number}" for number in range(20)]
    harness = settled(*(given("a", location) for location in locations), shards=3)
    rows = [features_row(event_id, location) for location in locations for event_id in ("a", "b")]
    state = asyncio.run(read_flush_state(harness.documents()))
    assert {state.shard_of(WindowKey(KEY.start, location)).name for location in locations} == {
        "0.0",
        "0.1",
        "0.2",
    }
    assert set(repair(harness, *rows).revisions) == {WindowKey(KEY.start, location) for location in locations}
    assert said(harness, *rows) == []
    assert harness.flush().panes.total() == 0


@pytest.mark.parametrize("seconds", [1, 59])
def test_a_repair_refuses_while_a_flush_is_at_work(seconds: int) -> None:
    harness = settled(given("a"))
    before = dict(harness.database.documents)
    change_control(harness, lease_until=harness.database.last + seconds * 1_000_000)
    with pytest.raises(CommandError, match="a flush is at work, or died"):
        repair(harness, A, B)
    assert before.keys() == harness.database.documents.keys()


def test_a_repair_refuses_while_a_dead_flush_has_left_panes() -> None:
    harness = settled(given("a"))
    change_control(harness, number=99)
    with pytest.raises(CommandError, match="a flush has left panes to write: flush once"):
        repair(harness, A, B)


@dataclass
class Overtaken(Faults):
    """At a call of the repair its lease has run out, and a whole flush goes first."""

    harness: RepairHarness = field(default_factory=RepairHarness)
    flush_at: int = 0

    async def around(self, effect: Callable[[], T]) -> T:
        if self.calls + 1 == self.flush_at:
            self.harness.now += timedelta(minutes=2)
            await self.harness.flushing()
        return await super().around(effect)


@pytest.mark.parametrize("call", range(2, 6))
def test_a_repair_that_a_flush_overtakes_writes_nothing_more(call: int) -> None:
    """Its calls: the control document, the meta documents, begin, the bucket, save."""
    harness = settled(given("a"))
    before = harness.latest()
    with pytest.raises(CommandError, match="a flush took over in the middle: run the repair again"):
        repair(harness, A, B, faults=Overtaken(harness=harness, flush_at=call))
    assert harness.latest() == before
    repair(harness, A, B)
    assert said(harness, A, B) == []


def test_a_repair_killed_anywhere_is_finished_by_the_next_flush_or_the_next_repair() -> None:
    for after in count(1):
        harness = settled(given("a"), given("a", "1-2"))
        rows = [*(features_row(name, place) for place in ("1-1", "1-2") for name in "ab")]
        found = harness.verify(*rows).differences
        is_done = asyncio.run(killed(repairing(harness, found), after))
        harness.now += timedelta(minutes=2)
        harness.flush()
        repair(harness, *rows)
        assert said(harness, *rows) == []
        assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in harness.revisions().values())
        if is_done:
            break
    assert after > 10, "it took its steps one by one"


@pytest.mark.parametrize("answer_lost", [False, True])
def test_a_service_that_fails_anywhere_costs_a_second_run(answer_lost: bool) -> None:
    for at_call in count(1):
        harness = settled(given("a"))
        try:
            repair(harness, A, B, faults=Faults(at_call=at_call, answer_lost=answer_lost))
        except Retry:
            harness.now += timedelta(minutes=2)
            harness.flush()
            repair(harness, A, B)
            assert said(harness, A, B) == []
            assert all(
                numbers == list(range(1, len(numbers) + 1)) for numbers in harness.revisions().values()
            )
        else:
            break
    assert at_call > 6, "every call of a repair failed once"


def test_a_repair_that_bigquery_refuses_says_so_and_leaves_the_panes_to_the_next_flush() -> None:
    harness = settled(given("a"))
    harness.sinks.refuses_rows = Reject(ErrorType.SINK_REJECTED, "no such column")
    with pytest.raises(CommandError, match="BigQuery refused 1 panes, the first because: no such column"):
        repair(harness, A, B)
    harness.sinks.refuses_rows = None
    harness.flush()
    assert said(harness, A, B) == []


def test_a_bucket_that_cant_be_read_is_left_with_what_to_do() -> None:
    harness = settled(given("a"))
    name = bucket_name(SHARD, KEY.start, 0)
    newer = {**harness.database.documents[name].fields, "format": 2}
    harness.database.commit([Write(name, newer)])
    (sentence,) = repair(harness, A, B).left
    assert f"{name} can't be read (its format is 2, this release reads 1)" in sentence
    assert harness.database.documents[name].fields["format"] == 2


def test_a_repair_is_not_advised_where_it_would_leave_the_window() -> None:
    harness = settled(given("a"))
    (fixable,) = harness.verify(A, B).differences
    name = bucket_name(SHARD, KEY.start, 0)
    harness.database.commit([Write(name, {**harness.database.documents[name].fields, "format": 2})])
    (damaged,) = asyncio.run(with_events(harness.documents(), LATENESS, [fixable]))
    assert damaged.what == fixable.what, "nothing is known of its events"

    lost = replace(fixable, expected=None)
    assert advice([fixable]) == "--repair fixes them"
    assert advice([damaged]).startswith("they have documents that can't be read (its format is 2")
    assert advice([damaged]).endswith("and --repair leaves them alone")
    assert advice([lost]) == (
        "they have no rows, so what they should hold is not known, and --repair leaves them alone"
    )
    assert advice([lost, damaged]).startswith("--repair fixes none: 1 have no rows, so")
    assert advice([fixable, lost]).startswith("--repair fixes 1 of them: 1 have no rows, so")


def test_values_that_the_online_store_does_not_take_are_named_and_do_not_stop_the_repair() -> None:
    harness = settled(given("a"))
    harness.sinks.unwritten = Unwritten(1, NOON, NOON, "away")
    assert repair(harness, A, B).unwritten == [harness.sinks.unwritten]
    assert said(harness, A, B) == []
