"""The status screen: what is known as text, what is not as a dash with a reason; and its repetition."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tools.console import as_json
from tools.errors import CommandError
from tools.health.answers import Answers
from tools.health.facts import Backlog, Facts, Flow, Flush, Latency, Logged, Period, Rejected, Stored, Switch
from tools.pipeline.side_by_side import Missing
from tools.status.document import document
from tools.status.report import repeat, silence
from tools.status.screen import screen

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
FUNCTIONS = ("parse", "features", "aggregate", "deadletter")
QUIET = Logged(Switch(False), Switch(False), "")
SILENT = Missing("no answer within 12 s: it is frozen or overloaded")

BUSY = Facts(
    at=NOW,
    period=Period(NOW - timedelta(minutes=1), NOW),
    backlogs={"a-parse": Backlog(2_760, 31.4, 2_760, 5), "b-features": Backlog(0, None, 0, 0)},
    answers={"parse": Answers({"503": 2_785, "204": 500}), "features": Answers({})},
    flows={"parse": Flow(54.75, 8.33), "features": Flow(0.0, 0.0)},
    latencies=[Latency("publish to row", 0.41, 1.77, 475)],
    logged={
        **dict.fromkeys(FUNCTIONS, QUIET),
        "parse": replace(QUIET, brake=Switch(True)),
        "aggregate": replace(QUIET, online_store=Switch(True)),
    },
    stored=Stored(60.0, 90, 30, [Rejected("parse", "schema_error", 10), Rejected("f", "late_event", 5)]),
    flush=Flush(19.0, "32", 45.2, 8),
)
UNKNOWN = Facts(
    NOW, BUSY.period, SILENT, SILENT, SILENT, SILENT, dict.fromkeys(FUNCTIONS, SILENT), SILENT, SILENT
)


def test_each_function_has_a_line() -> None:
    shown = screen(BUSY, "cqc-local.cqc_dataset")
    assert shown.functions == [
        ("parse", 54.8, 8.3, "204 × 500, 503 × 2,785", "ENGAGED", None),
        ("features", 0.0, 0.0, "none", "released", "values sent"),
        ("aggregate", None, 0.5, None, None, "NOTHING SENT"),
        ("deadletter", None, None, None, None, None),
    ]


def test_each_subscription_has_a_line_with_what_waits_and_how_often_it_failed() -> None:
    assert screen(BUSY, "p").subscriptions == [
        ("a-parse", 2_760, 31, "2,760, 5 × at most"),
        ("b-features", 0, None, "0"),
    ]
    deployed = replace(BUSY, backlogs={"a": Backlog(4, 9.0)})
    assert screen(deployed, "p").subscriptions == [("a", 4, 9, None)]


def test_latency_rejections_the_flush_and_the_online_store_have_a_line_each() -> None:
    assert screen(BUSY, "p").lines == [
        ("publish to row", "p50 0.41 s, p99 1.77 s, 475 events"),
        ("rejected", "parse schema_error 10.0% (10)"),
        ("flush", "the log is read up to 19 s ago; segments that wait: 32, the oldest for 45 s"),
        ("open windows", 8),
        ("online writes", "batches that failed: 0"),
    ]


def test_the_heading_says_which_pipeline_and_which_time() -> None:
    assert screen(BUSY, "p.d").heading == "p.d at 2026-01-31 12:00:00Z; rates and counts of 60 s"
    earlier = Period(NOW - timedelta(minutes=9), NOW - timedelta(minutes=4))
    assert screen(replace(BUSY, period=earlier), "p.d").heading.endswith(
        "of 300 s until 11:56:00Z, as far as Monitoring has them"
    )


def test_a_flush_that_never_ran_has_no_lag() -> None:
    fresh = replace(BUSY, flush=Flush(None, "0", 0.0, 0))
    line = "no flush has run; segments that wait: 0, the oldest for 0 s"
    assert ("flush", line) in screen(fresh, "p").lines


def test_what_is_not_known_is_a_dash_and_its_reason_is_said_once() -> None:
    shown = screen(UNKNOWN, "p")
    assert [set(cells[1:]) for cells in shown.functions] == [{None}] * 4
    assert shown.subscriptions == []
    assert {cell for _, cell in shown.lines} == {None}
    assert shown.reasons == [SILENT.reason]


@pytest.mark.parametrize(
    "silent",
    [
        replace(BUSY, backlogs=SILENT),
        replace(BUSY, answers=SILENT),
        replace(BUSY, flows=SILENT),
        replace(BUSY, latencies=SILENT),
        replace(BUSY, logged=dict.fromkeys(FUNCTIONS, SILENT)),
        replace(BUSY, stored=SILENT),
        replace(BUSY, flush=SILENT),
    ],
)
def test_one_silent_service_leaves_the_others_facts(silent: Facts) -> None:
    assert screen(silent, "p").reasons == [SILENT.reason]
    assert "frozen" in as_json(document(silent, "p")["missing"])
    assert silence(silent) == ""


def test_nothing_is_known_when_no_service_answers() -> None:
    assert silence(UNKNOWN) == SILENT.reason


def test_the_document_has_numbers_and_no_words() -> None:
    found = document(BUSY, "p")
    assert found["missing"] == {}
    assert '"answers": {"503": 2785, "204": 500}' in as_json(found["functions"])
    assert '"share": 0.1' in as_json(found["stored"])


def interrupted_after(times: int, calls: list[str]) -> tuple[Callable[[], None], Callable[[float], None]]:
    def wait(seconds: float) -> None:
        calls.append(f"wait {seconds:g}")
        if calls.count(f"wait {seconds:g}") == times:
            raise KeyboardInterrupt

    return lambda: calls.append("draw"), wait


def test_a_watch_draws_and_waits_until_it_is_interrupted_and_ends_in_peace() -> None:
    calls: list[str] = []
    draw, wait = interrupted_after(3, calls)
    repeat(draw, 2.0, wait)
    assert calls == ["draw", "wait 2"] * 3


def test_an_interruption_while_it_looks_ends_a_watch_as_well_and_an_error_does_not() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    def fails() -> None:
        raise CommandError("there are no credentials")

    repeat(interrupted, 2.0, lambda _: None)
    with pytest.raises(CommandError):
        repeat(fails, 2.0, lambda _: None)
