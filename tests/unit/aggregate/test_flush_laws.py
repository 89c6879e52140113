"""Whatever is redelivered, reordered, batched, overlapped, killed or left without answer: panes are a fold.

A history is any sequence of appends (with duplicates, in any batching), of time passing, of flushes that
are killed after any step, whose calls fail or lose their answer, and of two flushes stepped in any order
while the clock may jump past the lease. After it, flushes run until all is settled.
"""

from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.aggregate.flush import LEASE
from functions.aggregate.summary import Summary
from shared.clock import from_micros
from shared.errors import Retry
from shared.tables.columns import Row
from shared.windows.key import WindowKey
from shared.windows.log import Contribution
from tests.unit.aggregate.harness import NOON, FlushHarness, Interruptions, event

EVENTS = [
    event(
        f"e{number}",
        NOON + timedelta(seconds=47 * number),
        location=f"1-{number % 3}",
        arrived=NOON + timedelta(seconds=47 * number + 90 * (number % 5)),
        category=category,
        event_type=event_type,
        risk=number % 7,
        complexity=number % 4,
        **{name: number},
    )
    for number in range(16)
    for category, event_type, name in [
        [
            ("interaction", "dashboard_interaction", "total_page_views"),
            ("capacity", "capacity_update", "net_capacity_change"),
            ("rating", "rating_change", "rating_declines"),
        ][number % 3]
    ]
]

STEP_A, STEP_B, KILL_A, KILL_B, JUMP, APPEND = range(6)

batches = st.lists(st.sampled_from(EVENTS), min_size=1, max_size=5)
calls = st.none() | st.integers(1, 12)
overlapping = st.tuples(
    st.sampled_from([STEP_A, STEP_B, STEP_A, STEP_B, KILL_A, KILL_B, JUMP, APPEND]), st.integers(1, 15)
)
"""Runs of steps: the interesting orders leave one flush standing for long."""
actions = st.one_of(
    st.tuples(st.just("append"), batches),
    st.tuples(st.just("pass"), st.integers(10, 300)),
    st.tuples(st.just("flush"), calls, st.booleans()),
    st.tuples(st.just("kill"), st.integers(1, 24)),
    st.tuples(st.just("overlap"), st.lists(overlapping)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(actions, max_size=12), st.permutations(EVENTS))
def test_the_final_panes_equal_a_plain_fold_over_the_distinct_events(
    history: list[tuple[object, ...]], order: list[Contribution]
) -> None:
    bench = FlushHarness()
    appended: dict[str, Contribution] = {}
    for action in history:
        act(bench, action, appended)
    for one in order[:6]:
        act(bench, ["append", [one]], appended)
    check(bench, appended)


@settings(max_examples=600, deadline=None)
@given(st.lists(overlapping, min_size=4))
def test_two_flushes_stepped_in_any_order_lose_and_double_nothing(schedule: list[tuple[int, int]]) -> None:
    bench = FlushHarness()
    appended: dict[str, Contribution] = {}
    act(bench, ["append", EVENTS[:2]], appended)
    act(bench, ["overlap", schedule], appended)
    check(bench, appended)


def check(bench: FlushHarness, appended: dict[str, Contribution]) -> None:
    """Settles everything and compares it with what was appended."""
    settle(bench)
    latest = bench.latest()
    assert {key: counts(row) for key, row in latest.items()} == plain_fold(list(appended.values()))
    assert bench.sinks.failures == []
    assert bench.database.segments == {}
    assert all(row["is_final"] for row in latest.values())
    check_panes(bench.sinks.rows)


def act(bench: FlushHarness, action: Sequence[object], appended: dict[str, Contribution]) -> None:
    match action:
        case ["append", list(batch)]:
            bench.append(*batch)
            appended |= {one.event_id: one for one in batch}
        case ["pass", int(seconds)]:
            bench.now += timedelta(seconds=seconds)
        case ["flush", call, bool(answer_lost)]:
            with suppress(Retry):
                bench.flush(Interruptions(call if isinstance(call, int) else None, answer_lost))
        case ["kill", int(steps)]:
            step([bench.begin()], [(STEP_A, steps)], bench, appended)
        case ["overlap", list(schedule)]:
            step([bench.begin(), bench.begin()], schedule, bench, appended)


def step(
    flushes: list[Coroutine[None, None, Summary]],
    schedule: list[tuple[int, int]],
    bench: FlushHarness,
    appended: dict[str, Contribution],
) -> None:
    """Steps the flushes as the schedule says and then leaves them for dead."""
    alive = dict(enumerate(flushes))
    for move, times in schedule:
        if move == JUMP:
            bench.now += LEASE + timedelta(seconds=1)
        elif move in (KILL_A, KILL_B):
            alive.pop(move - KILL_A, None)
        elif move == APPEND:
            act(bench, ["append", [EVENTS[times]]], appended)
        for _ in range(times):
            if move in alive:
                try:
                    alive[move].send(None)
                except (StopIteration, Retry):
                    del alive[move]
    for flush in flushes:
        flush.close()


def settle(bench: FlushHarness) -> None:
    """Flushes until nothing is left to do: past every lease, every window's end, every settling."""
    for _ in range(4):
        bench.now += timedelta(minutes=40)
        bench.flush()


def plain_fold(events: list[Contribution]) -> dict[WindowKey, dict[str, object]]:
    """The windows' values, written as directly as docs/contract.md#promises states them."""
    windows: dict[WindowKey, list[Contribution]] = {}
    for one in events:
        windows.setdefault(one.key, []).append(one)
    return {
        key: {
            "window_event_count": len(members),
            "late_event_count": sum(one.arrival_micros >= key.end for one in members),
            "unique_event_types": sorted({one.event_type for one in members}),
            "unique_feature_categories": sorted({one.category for one in members}),
            "average_risk_score": sum(one.risk_score for one in members) / len(members),
            "max_risk_score": max(one.risk_score for one in members),
            "average_complexity_score": sum(one.complexity_score for one in members) / len(members),
            "max_complexity_score": max(one.complexity_score for one in members),
            "latest_event_timestamp": from_micros(max(one.event_micros for one in members)),
            "event_type_count": len({one.event_type for one in members}),
            "feature_category_count": len({one.category for one in members}),
        }
        for key, members in windows.items()
    }


def counts(row: Row) -> dict[str, object]:
    about_the_pane = {"location_id", "window_start", "window_end", "pane", "revision", "is_final"}
    return {
        name: value
        for name, value in row.items()
        if name not in about_the_pane | {"aggregation_timestamp", "aggregated_features"}
    }


def check_panes(rows: Sequence[Row]) -> None:
    """Revisions have no gap, the same revision is always the same row, panes come in their order."""
    windows: dict[tuple[object, object], dict[object, Row]] = {}
    for row in rows:
        revisions = windows.setdefault((row["location_id"], row["window_start"]), {})
        assert revisions.setdefault(row["revision"], row) == row
    for revisions in windows.values():
        assert sorted(revisions, key=str) == sorted(range(1, len(revisions) + 1), key=str)
        ordered = [revisions[number] for number in range(1, len(revisions) + 1)]
        kinds = [row["pane"] for row in ordered]
        assert kinds.count("on_time") == 1
        assert kinds == sorted(kinds, key=lambda kind: ["early", "on_time", "late"].index(str(kind)))
        assert [row["is_final"] for row in ordered] == [False] * (len(ordered) - 1) + [True]
