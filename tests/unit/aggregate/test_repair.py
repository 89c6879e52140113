"""The repair of settled windows: right at the end whatever is killed, and never at odds with a flush."""

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.aggregate.flush import LEASE
from shared.clock import to_micros
from shared.errors import Retry
from shared.tables.columns import Row
from shared.windows.key import WindowKey
from shared.windows.log import Contribution
from tests.unit.aggregate.harness import NOON, FlushHarness, Interruptions, MemoryStore, run_to_end, steps
from tools.errors import CommandError
from tools.windows.comparing import Difference, compare
from tools.windows.recompute import COLUMNS, Expected, recompute
from tools.windows.repair import Repair, Repaired

LOCATION = "1-1"
KEY = WindowKey(to_micros(NOON), LOCATION)


def contribution(event_id: str) -> Contribution:
    at = to_micros(NOON + timedelta(seconds=30))
    return Contribution(event_id, LOCATION, at, at, "rating_change", "rating", 4, 0, {"rating_declines": 1})


def features_row(event_id: str) -> dict[str, object]:
    """What BigQuery has of the same event."""
    at = NOON + timedelta(seconds=30)
    own: dict[str, object] = {
        "event_id": event_id,
        "location_id": LOCATION,
        "event_type": "rating_change",
        "feature_category": "rating",
        "real_time_risk_score": 4,
        "event_complexity_score": 0,
        "rating_change_direction": "declined",
        "event_timestamp": at,
        "publish_timestamp": at,
        "processing_timestamp": at,
        "first_arrival": at,
        "last_arrival": at,
    }
    return dict.fromkeys(COLUMNS) | own


def settled(*event_ids: str) -> FlushHarness:
    """A window with these events, two hours later."""
    bench = FlushHarness()
    bench.append(*map(contribution, event_ids))
    bench.flush()
    bench.now = NOON + timedelta(hours=2)
    bench.flush()
    bench.flush()
    return bench


def expected(*event_ids: str) -> dict[WindowKey, Expected]:
    return recompute([features_row(event_id) for event_id in event_ids])


def differences(bench: FlushHarness, *event_ids: str) -> list[Difference]:
    return compare(expected(*event_ids), bench.latest().values()).differences


def repair(bench: FlushHarness, interruptions: Interruptions) -> Repair:
    bench.sinks.interruptions = interruptions
    store = MemoryStore(bench.database, interruptions)
    return Repair(store, bench.sinks, bench.sinks, lambda: bench.now)


def mend(bench: FlushHarness, *event_ids: str, interruptions: Interruptions | None = None) -> list[Repaired]:
    found = differences(bench, *event_ids)
    return run_to_end(repair(bench, interruptions or Interruptions()).run(found))


def revisions(bench: FlushHarness) -> dict[object, Row]:
    """Each revision's row; one that was emitted twice must have been the same."""
    rows: dict[object, Row] = {}
    for row in bench.sinks.rows:
        assert rows.setdefault(row["revision"], row) == row
    return rows


def test_a_window_that_agrees_with_its_rows_is_no_difference() -> None:
    assert differences(settled("a", "b"), "a", "b") == []


def test_a_missing_event_is_named_and_mended_by_a_final_revision() -> None:
    bench = settled("a")
    (found,) = differences(bench, "a", "b")
    assert found.what.startswith("window_event_count: 1 instead of 2")
    assert mend(bench, "a", "b") == [Repaired(KEY, found.revision + 1)]
    assert differences(bench, "a", "b") == []
    assert bench.latest()[KEY]["is_final"]


def test_a_window_without_any_pane_gets_its_first() -> None:
    bench = FlushHarness(now=NOON + timedelta(hours=2))
    assert differences(bench, "a")[0].what == "1 events and no pane"
    mend(bench, "a")
    assert (bench.latest()[KEY]["revision"], bench.latest()[KEY]["pane"]) == (1, "on_time")


def test_a_window_whose_rows_are_gone_is_listed_and_left_alone() -> None:
    bench = settled("a")
    (found,) = differences(bench)
    assert found.what == "its pane counts 1 events, no row is left"
    assert mend(bench) == []


def test_a_later_flush_and_a_redelivery_do_not_contradict_the_repair() -> None:
    bench = settled("a")
    mend(bench, "a", "b")
    bench.append(contribution("a"), contribution("b"))
    assert bench.flush().to_dict()["duplicates"] == 2
    assert differences(bench, "a", "b") == []
    assert bench.sinks.failures == []


def test_a_second_repair_finds_nothing_to_do() -> None:
    bench = settled("a")
    mend(bench, "a", "b")
    assert mend(bench, "a", "b") == []


def test_a_window_with_events_that_wait_for_a_flush_is_the_flushs() -> None:
    bench = FlushHarness(now=NOON + timedelta(hours=2))
    bench.append(contribution("a"))
    assert mend(bench, "a") == []
    bench.flush()
    assert differences(bench, "a") == []


def test_a_redelivered_event_may_have_been_late_or_not() -> None:
    bench = settled("a")
    again = features_row("a") | {"last_arrival": NOON + timedelta(minutes=6)}
    assert compare(recompute([again]), bench.latest().values()).differences == []


@pytest.mark.parametrize("seconds", [1, 59])
def test_a_repair_waits_for_a_flush_that_is_at_work(seconds: int) -> None:
    bench = settled("a")
    lease = bench.now + timedelta(seconds=seconds)
    bench.database.control = replace(bench.database.control, lease_until=lease)
    with pytest.raises(CommandError, match="a flush is at work, or died"):
        mend(bench, "a", "b")


def test_a_repair_leaves_the_panes_of_a_dead_flush_to_the_next_one() -> None:
    bench = settled("a")
    bench.database.control = replace(bench.database.control, number=bench.database.control.number + 1)
    with pytest.raises(CommandError, match="a flush has left panes to write"):
        mend(bench, "a", "b")


def test_a_repair_that_a_flush_overtakes_writes_nothing_more() -> None:
    bench = settled("a")
    overtaken = repair(bench, Interruptions()).run(differences(bench, "a", "b"))
    steps(overtaken, 1)  # it has read the control document
    bench.append(contribution("other"))
    bench.flush()
    with pytest.raises(CommandError, match="a flush took over in the middle"):
        run_to_end(overtaken)
    assert len(differences(bench, "a", "b")) == 1


@pytest.mark.parametrize("killed_after", range(1, 12))
def test_a_repair_killed_anywhere_is_finished_by_the_next_flush_or_the_next_repair(killed_after: int) -> None:
    bench = settled("a")
    dying = repair(bench, Interruptions()).run(differences(bench, "a", "b"))
    steps(dying, killed_after)
    dying.close()
    bench.now += LEASE + timedelta(seconds=1)
    bench.flush()
    mend(bench, "a", "b")
    assert differences(bench, "a", "b") == []
    assert len(revisions(bench)) == max(map(int, map(str, revisions(bench))))


@pytest.mark.parametrize("answer_lost", [False, True])
@pytest.mark.parametrize("at_call", range(1, 7))
def test_a_service_that_fails_anywhere_costs_a_second_run(at_call: int, answer_lost: bool) -> None:
    bench = settled("a")
    with pytest.raises(Retry):
        mend(bench, "a", "b", interruptions=Interruptions(at_call, answer_lost))
    bench.now += LEASE + timedelta(seconds=1)
    bench.flush()
    mend(bench, "a", "b")
    assert differences(bench, "a", "b") == []
    revisions(bench)
