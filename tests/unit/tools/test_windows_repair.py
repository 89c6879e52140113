"""verify-windows: what it sees, and what a repair makes of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.clock import to_micros
from shared.online import Unwritten
from shared.windows.bucket_documents import bucket_name, meta_name
from shared.windows.documents import Write
from shared.windows.key import WindowKey
from tests.support.flush_harness import NOON
from tests.unit.tools.repair_harness import (
    KEY,
    LOCATION,
    SHARD,
    RepairHarness,
    features_row,
    logged,
    refuse,
    repair,
    said,
    settled,
    take,
)
from tools.pipeline.flush_state import read_flush_state
from tools.windows import repair as repairing_module
from tools.windows.command import unwritten
from tools.windows.comparing import advice, compare
from tools.windows.naming import with_events
from tools.windows.recompute import recompute
from tools.windows.repair import Repaired

A, B = features_row("a"), features_row("b")


async def test_a_window_that_agrees_with_its_rows_is_no_difference() -> None:
    found = await (await settled(logged("a"), logged("b"))).verify(A, B)
    assert (found.compared, found.unsettled, found.differences) == (1, 0, [])


async def test_a_final_pane_is_compared_whatever_the_flush_knows_of_its_window() -> None:
    """As after the loss of the control document."""
    harness = await settled(logged("a"))
    found = compare(recompute([A, B]), harness.newest().values(), is_settled=lambda _: False)
    assert (found.compared, found.unsettled, len(found.differences)) == (1, 0, 1)


async def test_a_timely_event_that_no_final_pane_counts_is_fixed_by_a_final_revision() -> None:
    harness = await settled(logged("a"))
    (found,) = (await harness.verify(A, B)).differences
    assert found.what.startswith("window_event_count: 1 instead of 2")
    assert (await repair(harness, A, B)).revisions == {KEY: found.revision + 1}
    assert await said(harness, A, B) == []
    assert harness.newest()[LOCATION]["is_final"]


async def test_an_event_whose_row_says_late_although_a_pane_counts_it_leaves_the_pane() -> None:
    harness = await settled(logged("a"), logged("b"))
    late = features_row("b", is_late=True)
    (what,) = await said(harness, A, late)
    assert what.startswith("window_event_count: 2 instead of 1")
    await repair(harness, A, late)
    assert await said(harness, A, late) == []


async def test_a_window_that_only_late_events_were_counted_in_becomes_empty() -> None:
    harness = await settled(logged("a"))
    late = features_row("a", is_late=True)
    await repair(harness, late)
    assert harness.newest()[LOCATION]["window_event_count"] == 0
    assert await said(harness, late) == []


async def test_a_late_event_without_a_window_is_no_difference() -> None:
    assert await said(await settled(), features_row("a", is_late=True)) == []


async def test_a_timely_row_without_a_window_gets_one_that_the_lookup_of_late_events_knows() -> None:
    harness = await settled()
    assert await said(harness, A) == ["1 events that are not late, and no pane"]
    await repair(harness, A)
    pane = harness.newest()[LOCATION]
    assert (pane["revision"], pane["pane"], pane["is_final"]) == (1, "on_time", True)
    assert meta_name(SHARD, KEY.start) in harness.database.documents
    assert await harness.counted(logged("a"), logged("b")) == [True, False]


async def test_many_windows_without_documents_are_divided_into_buckets_and_repaired_group_by_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repairing_module, "GROUP", 1)
    harness = await settled()
    rows = [features_row("a", f"1-{number}") for number in range(1_000)]
    assert len((await repair(harness, *rows)).revisions) == 1_000
    assert await said(harness, *rows) == []
    assert len([name for name in harness.database.documents if name.startswith("window_state")]) == 4 + 1


async def test_a_repair_keeps_the_number_of_buckets_of_a_window() -> None:
    events = [logged("a", f"1-{number}") for number in range(1_000)]
    harness = await settled(*events)
    rows = [features_row("a", f"1-{number}") for number in range(1_000)]
    assert len((await repair(harness, *rows, features_row("b", "1-5"))).revisions) == 1
    assert all(await harness.counted(*events))


async def test_a_window_whose_rows_are_gone_is_listed_and_left_alone() -> None:
    harness = await settled(logged("a"))
    assert await said(harness) == ["its pane counts 1 events, no row is left"]
    assert await repair(harness) == Repaired()
    assert await said(harness) == ["its pane counts 1 events, no row is left"]


async def test_a_window_whose_final_pane_bigquery_refused_gets_another() -> None:
    harness = RepairHarness()
    await harness.append(logged("a"))
    await harness.flush_at(1)
    harness.rows.outcome = refuse
    await harness.flush_at(120)
    harness.rows.outcome = take
    assert await said(harness, A) == ["it is settled, and its latest pane is not final"]
    assert (await repair(harness, A)).revisions == {KEY: 3}, "the refused pane took revision 2"
    assert await said(harness, A) == []


async def test_a_window_that_the_flush_has_not_settled_is_not_compared() -> None:
    harness = RepairHarness()
    assert (await harness.verify(A)).unsettled == 1, "no flush has run"
    await harness.append(logged("a"))
    harness.at(120)
    found = await harness.verify(A, B)
    assert (found.compared, found.unsettled) == (0, 1), "the clock alone settles nothing"


async def test_a_redelivery_after_the_repair_is_known_and_a_later_flush_agrees() -> None:
    harness = await settled(logged("a"))
    await repair(harness, A, B)
    assert await harness.counted(logged("a"), logged("b"), logged("c")) == [True, True, False]
    assert (await harness.flush()).panes.total() == 0
    assert await said(harness, A, B) == []
    assert harness.texts() == []


async def test_the_events_that_make_a_difference_are_named() -> None:
    harness = await settled(logged("a"), logged("b"))
    missing = [features_row(f"c{number}") for number in range(7)]
    found = await harness.verify(
        A, features_row("b", is_late=True), features_row("d", is_late=True), *missing
    )
    (difference,) = await with_events(harness.documents(), found.differences)
    assert difference.what.endswith(
        "; in no pane, though not late: c0, c1, c2, c3, c4 and 2 more; counted, though late: b"
    )


async def test_a_second_repair_finds_nothing_to_do() -> None:
    harness = await settled(logged("a"))
    await repair(harness, A, B)
    assert await repair(harness, A, B) == Repaired()


AFTER = NOON + timedelta(minutes=6)
"""Beyond the end of the window."""


async def test_a_redelivered_event_may_have_been_late_or_not() -> None:
    again = features_row("a") | {"last_arrival": AFTER}
    assert await said(await settled(logged("a")), again) == []
    counted_late = logged("a")._replace(arrival_micros=to_micros(AFTER))
    assert await said(await settled(counted_late), again) == []


async def test_a_late_count_that_no_arrival_explains_is_a_difference() -> None:
    arrivals = ("publish_timestamp", "first_arrival", "last_arrival")
    came_late = features_row("a") | dict.fromkeys(arrivals, AFTER)
    assert await said(await settled(logged("a")), came_late) == ["late_event_count: 0 instead of 1"]
    counted_late = logged("a")._replace(arrival_micros=to_micros(AFTER))
    assert await said(await settled(counted_late), A) == ["late_event_count: 1 instead of 0"]


async def test_a_repair_makes_no_late_event_known_as_counted() -> None:
    harness = await settled(logged("a"))
    await repair(harness, A, B, features_row("late", is_late=True))
    assert await harness.counted(logged("b"), logged("late")) == [True, False]


async def test_each_shard_repairs_its_own_locations() -> None:
    locations = [f"1-{number}" for number in range(20)]
    harness = await settled(*(logged("a", location) for location in locations), shards=3)
    rows = [features_row(event_id, location) for location in locations for event_id in ("a", "b")]
    state = await read_flush_state(harness.documents())
    assert {state.shard_of(WindowKey(KEY.start, location)).name for location in locations} == {
        "0.0",
        "0.1",
        "0.2",
    }
    assert set((await repair(harness, *rows)).revisions) == {
        WindowKey(KEY.start, location) for location in locations
    }
    assert await said(harness, *rows) == []
    assert (await harness.flush()).panes.total() == 0


async def test_a_repair_is_not_advised_where_it_would_leave_the_window() -> None:
    harness = await settled(logged("a"))
    (fixable,) = (await harness.verify(A, B)).differences
    name = bucket_name(SHARD, KEY.start, 0)
    harness.database.commit([Write(name, {**harness.database.documents[name].fields, "format": 2})])
    (damaged,) = await with_events(harness.documents(), [fixable])
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


async def test_values_that_the_online_store_does_not_take_are_named_and_do_not_stop_the_repair() -> None:
    harness = await settled(logged("a"))
    harness.online.faults.is_away = lambda: True
    (missing,) = (await repair(harness, A, B)).unwritten
    assert (missing.count, missing.reason) == (1, "the service is away")
    assert await said(harness, A, B) == []


def test_what_heals_the_online_store_names_the_same_pipeline() -> None:
    missing = Unwritten(2, NOON, NOON + timedelta(minutes=5), "the service is away")
    (sentence,) = unwritten([missing], ["--project", "p", "--dataset", "d"])
    assert "did not take the window features of 2 windows (the service is away)" in sentence
    heals = "cqc heal-online --from 2026-06-01T12:00:00+00:00 --to 2026-06-01T12:05:00+00:00"
    assert sentence.endswith(f": {heals} --project p --dataset d")
