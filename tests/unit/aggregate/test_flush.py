"""The life of a window, flush by flush. `|` are window bounds, numbers are minutes after 12:00."""

from datetime import timedelta

import pytest
from functions.aggregate.panes import Trigger

from functions.aggregate.flush import LEASE
from shared.errors import ErrorType, Reject, Retry
from tests.unit.aggregate.harness import NOON, FlushHarness, Interruptions, event, run_to_end, steps

READ, BEGUN, SAVED = 4, 6, 8
"""Pauses until a flush with one segment has read the log, taken the lease, saved its states (two a call)."""
APPEND_PANES = 5
"""Its calls: read control, read log, begin, save, append panes, write online, delete, finish."""


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def panes(bench: FlushHarness) -> list[tuple[object, object, object, object]]:
    """(pane, revision, events, is_final) of each row in order."""
    return [
        (row["pane"], row["revision"], row["window_event_count"], row["is_final"]) for row in bench.sinks.rows
    ]


def flush_at(bench: FlushHarness, minute: float) -> None:
    bench.now = NOON + minutes(minute)
    bench.flush()


def test_a_window_goes_from_early_over_on_time_and_late_to_its_settling() -> None:
    # | a .  b  .  . |  .   c  ...        settled 65 + grace
    # 0 1  2  3     5  6   7  8   ... 65.2
    bench = FlushHarness()
    bench.append(event("a"))
    flush_at(bench, 1)
    flush_at(bench, 2)  # nothing new: no pane
    bench.append(event("b"))
    flush_at(bench, 3)
    flush_at(bench, 6)  # the first flush after the end: on_time, although nothing new came
    flush_at(bench, 7)
    bench.append(event("c", arrived=NOON + minutes(7.5)))
    flush_at(bench, 8)
    flush_at(bench, 64)
    flush_at(bench, 65.5)
    flush_at(bench, 70)
    assert panes(bench) == [
        ("early", 1, 1, False),
        ("early", 2, 2, False),
        ("on_time", 3, 2, False),
        ("late", 4, 3, False),
        ("late", 5, 3, True),
    ]
    assert [row["late_event_count"] for row in bench.sinks.rows] == [0, 0, 0, 1, 1]


def test_a_flush_that_was_down_past_the_settling_gives_one_final_on_time_pane() -> None:
    bench = FlushHarness()
    bench.append(event("a"))
    flush_at(bench, 90)
    flush_at(bench, 91)
    assert panes(bench) == [("on_time", 1, 1, True)]
    assert bench.database.control.open == bench.database.control.ended == ()


def test_a_location_that_first_shows_up_late_gets_its_own_on_time_pane() -> None:
    bench = FlushHarness()
    bench.append(event("a"))
    flush_at(bench, 6)
    bench.append(event("b", location="1-200"))
    flush_at(bench, 8)
    flush_at(bench, 65.5)
    rows = [(row["location_id"], row["pane"], row["is_final"]) for row in bench.sinks.rows]
    assert rows == [
        ("1-100", "on_time", False),
        ("1-200", "on_time", False),
        ("1-100", "late", True),
        ("1-200", "late", True),
    ]


def test_an_event_counts_once_however_often_it_is_in_the_log() -> None:
    bench = FlushHarness()
    bench.append(event("a"), event("a"))
    flush_at(bench, 1)
    bench.append(event("a"))
    flush_at(bench, 2)
    assert panes(bench) == [("early", 1, 1, False)]
    assert bench.database.segments == {}


def test_an_event_folded_after_the_settling_is_recorded_and_counted_nowhere() -> None:
    bench = FlushHarness()
    bench.append(event("a"))
    flush_at(bench, 66)
    bench.append(event("a"), event("b"))
    flush_at(bench, 67)
    assert panes(bench) == [("on_time", 1, 1, True)]
    assert [(one.error_type, one.event_id) for one in bench.sinks.failures] == [(ErrorType.LATE_EVENT, "b")]


def test_an_unreadable_segment_is_kept_as_a_dead_letter_and_does_not_stop_the_flush() -> None:
    bench = FlushHarness()
    bench.append(event("a"))
    damaged = next(iter(bench.database.segments.values()))
    bench.database.segments["damaged"] = type(damaged)("damaged", b"{", bench.now)
    flush_at(bench, 1)
    assert panes(bench) == [("early", 1, 1, False)]
    assert [(one.error_type, one.payload) for one in bench.sinks.failures] == [
        (ErrorType.UNEXPECTED_ERROR, b"{")
    ]


def test_a_flush_skips_while_another_holds_the_lease_and_goes_on_when_it_runs_out() -> None:
    bench = FlushHarness()
    bench.append(event("a"))
    killed = bench.begin()
    steps(killed, SAVED)
    killed.close()
    assert bench.database.states
    assert (bench.flush().status, panes(bench)) == ("skipped", [])
    bench.now += LEASE + timedelta(seconds=1)
    assert bench.flush().status == "done"
    assert panes(bench) == [("early", 1, 1, False)]


def test_a_service_that_fails_is_reported_and_the_next_flush_goes_on_at_once() -> None:
    bench = FlushHarness()
    bench.append(event("a"))
    with pytest.raises(Retry):
        bench.flush(Interruptions(at_call=APPEND_PANES))
    bench.append(event("b"))
    bench.flush()
    assert panes(bench) == [("early", 1, 1, False), ("early", 2, 2, False)]


def test_a_flush_that_was_overtaken_stops() -> None:
    # slow reads the control document; its lease runs out, another flush does the work; slow goes on.
    bench = FlushHarness()
    bench.append(event("a"))
    slow = bench.begin()
    steps(slow, BEGUN)
    bench.now += LEASE + timedelta(seconds=1)
    assert bench.flush().status == "done"
    assert run_to_end(slow).status == "fenced"
    assert panes(bench) == [("early", 1, 1, False)]


def test_a_flush_overtaken_between_reading_and_saving_takes_nothing_back() -> None:
    # slow has folded `a` and not saved; another flush folds and saves `a` and `b` and deletes both segments.
    bench = FlushHarness()
    bench.append(event("a"))
    slow = bench.begin()
    steps(slow, BEGUN + 1)
    bench.now += LEASE + timedelta(seconds=1)
    bench.append(event("b"))
    bench.flush()
    assert run_to_end(slow).status == "fenced"
    flush_at(bench, 6)
    assert panes(bench) == [("early", 1, 2, False), ("on_time", 2, 2, False)]


def test_two_flushes_at_once_emit_each_revision_once() -> None:
    bench = FlushHarness()
    bench.append(event("a"))
    first, second = bench.begin(), bench.begin()
    steps(first, READ)
    steps(second, READ)
    assert {run_to_end(first).status, run_to_end(second).status} == {"done", "fenced"}
    assert panes(bench) == [("early", 1, 1, False)]


def test_a_pane_that_bigquery_refuses_becomes_a_dead_letter() -> None:
    bench = FlushHarness()
    bench.sinks.refuse_rows = Reject(ErrorType.SINK_REJECTED, "no such column")
    bench.append(event("a"))
    bench.flush()
    assert [one.error_type for one in bench.sinks.failures] == [ErrorType.SINK_REJECTED]
    assert bench.database.segments == {}


def test_a_bug_in_writing_a_pane_stays_loud_and_the_pane_comes_once_it_is_mended() -> None:
    bench = FlushHarness()
    bench.sinks.refuse_rows = KeyError("table has no column colour")
    bench.append(event("a"))
    with pytest.raises(KeyError, match="colour"):
        bench.flush()
    assert bench.sinks.failures == []
    bench.sinks.refuse_rows = None
    bench.now += LEASE + timedelta(seconds=1)
    bench.flush()
    assert panes(bench) == [("early", 1, 1, False)]


def test_window_features_that_do_not_reach_the_online_store_are_one_record_a_flush() -> None:
    bench = FlushHarness()
    bench.sinks.refuse_online = "the store is away"
    bench.append(event("a"), event("b", location="l-2"), event("c", location="l-3"))
    bench.flush()
    (record,) = bench.sinks.failures
    assert record.error_type is ErrorType.FEATURE_STORE_WRITE_FAILED
    assert record.error_message.startswith(
        "window features: 3 entries are not in the online store (the store is away): heal them with cqc"
    )
    assert len(bench.sinks.rows) == 3


def test_a_flush_with_nothing_to_do_writes_nothing() -> None:
    bench = FlushHarness()
    bench.flush()
    assert bench.database.version == 0
    bench.append(event("a"))
    flush_at(bench, 1)
    version = bench.database.version
    flush_at(bench, 2)
    assert bench.database.version == version


def test_the_summary_says_what_was_done() -> None:
    bench = FlushHarness()
    bench.append(event("a"), event("a"), event("b", location="1-200"))
    bench.now += minutes(6)
    summary = bench.flush()
    assert summary.to_dict() == {
        "status": "done",
        "detail": "",
        "segments": 1,
        "events_folded": 2,
        "duplicates": 1,
        "late_events": 0,
        "windows": 2,
        "panes": {"early": 0, "on_time": 2, "late": 0},
        "settled": 0,
        "lag_seconds": 360.0,
        "seconds": 0.0,
    }


def test_window_features_carry_the_time_of_the_newest_event() -> None:
    bench = FlushHarness()
    bench.append(event("a", NOON + minutes(2)), event("b", NOON + minutes(1)))
    flush_at(bench, 3)
    (entry,) = bench.sinks.online
    assert entry.generate_time == NOON + minutes(2)
    assert entry.values["window_event_count"] == 2


def test_a_state_expires_only_long_after_its_window_can_be_settled() -> None:
    longest_lateness = timedelta(days=7)
    bench = FlushHarness(trigger=Trigger(longest_lateness, timedelta(seconds=30)))
    bench.append(event("a"))
    flush_at(bench, 1)
    (state,) = bench.database.states.values()
    assert state.expire_at > bench.trigger.closes_at(state.key.start) + timedelta(days=1)
    bench.now = bench.trigger.closes_at(state.key.start)
    bench.flush()
    (settled,) = bench.database.states.values()
    assert settled.is_final
    assert settled.expire_at == bench.now + longest_lateness
