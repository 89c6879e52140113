"""What the doctor concludes about the flow of events: brakes, answers, backlogs."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tools.doctor.findings import Finding, Verdict
from tools.doctor.flow import Look, answered, brake, judge, waiting
from tools.health.answers import ACKNOWLEDGED, GIVEN_BACK, NO_ANSWER, Answers
from tools.health.facts import Backlog, Facts, Logged, Period, Switch
from tools.pipeline.side_by_side import Missing

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
QUIET = Logged(Switch(False), Switch(False), "")
ENGAGED = replace(QUIET, brake=Switch(True))
SILENT = Missing("no answer within 12 s: it is frozen or overloaded")


def facts(answers: Mapping[str, int], logged: Logged = QUIET) -> Facts:
    """Facts about `parse` alone."""
    return Facts(
        at=NOW,
        period=Period(NOW - timedelta(minutes=1), NOW),
        backlogs={"dashboard-events-parse": Backlog(0, None, 0, 0)},
        answers={"parse": Answers(answers)},
        flows=SILENT,
        latencies=SILENT,
        logged={"parse": logged},
        stored=SILENT,
        flush=SILENT,
    )


def test_an_engaged_brake_is_wrong_and_says_what_it_holds_back() -> None:
    finding = brake("parse", facts({"204": 540, "503": 6_734}, ENGAGED), "cqc query …")
    assert finding == Finding(
        "dead-letter brake of parse",
        Verdict.WRONG,
        "it engaged: most of what parse gets is rejected, and Pub/Sub keeps it; 503 × 6,734 in the last 60 s "
        "(docs/runbook.md, Rejected events are held back)",
        "cqc query …",
    )


def test_a_brake_whose_instance_may_have_ended_is_neither_wrong_nor_fine() -> None:
    since = replace(QUIET, brake=Switch(True, datetime(2026, 1, 31, 9, 30, tzinfo=UTC)))
    finding = brake("parse", facts({"204": 540}, since), "f")
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.detail.startswith("it engaged at 2026-01-31 09:30:00Z and has not logged its release")


def test_a_brake_is_wrong_where_the_answers_are_not_known() -> None:
    finding = brake("parse", replace(facts({}, ENGAGED), answers=SILENT), "f")
    assert finding.verdict is Verdict.WRONG


def test_a_brake_that_is_not_engaged_is_fine_and_an_unread_log_is_not() -> None:
    assert brake("parse", facts({}), "f").verdict is Verdict.OK
    unread = replace(facts({}), logged={"parse": Missing("the log can't be read")})
    assert brake("parse", unread, "f").verdict is Verdict.UNKNOWN
    assert brake("features", facts({}), "f").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("answers", "verdict", "detail"),
    [
        ({}, Verdict.OK, "no requests in the last 60 s"),
        ({ACKNOWLEDGED: 0, GIVEN_BACK: 0}, Verdict.OK, "no messages in the last 60 s"),
        ({ACKNOWLEDGED: 5, GIVEN_BACK: 9}, Verdict.WRONG, "9 of 14 failed: acknowledged × 5, given back × 9"),
        ({"204": 1_000, "503": 20}, Verdict.OK, "204 × 1,000, 503 × 20 in the last 60 s"),
        ({"204": 10, "429": 500}, Verdict.OK, "204 × 10, 429 × 500"),
        ({"2xx": 10, "5xx": 0}, Verdict.OK, "2xx × 10 in"),
        ({"204": 10, "503": 20}, Verdict.WRONG, "20 of 30 failed: 204 × 10, 503 × 20 in the last 60 s"),
        ({NO_ANSWER: 2}, Verdict.WRONG, "2 of 2 failed: no answer × 2"),
        ({"403": 9}, Verdict.WRONG, "9 of 9 failed: 403 × 9"),
    ],
)
def test_a_function_is_wrong_when_a_twentieth_of_its_answers_fail(
    answers: Mapping[str, int], verdict: Verdict, detail: str
) -> None:
    finding = answered("parse", facts(answers), "tail")
    assert finding.verdict is verdict
    assert finding.detail.startswith(detail)
    assert bool(finding.fix) is (verdict is Verdict.WRONG)


def test_the_reason_that_the_log_gives_is_quoted() -> None:
    logged = replace(QUIET, retry="BigQuery took no rows")
    assert answered("parse", facts({"503": 1}, logged), "f").detail.endswith(
        "; the last reason in its log: BigQuery took no rows"
    )


def test_the_period_that_monitoring_has_is_said() -> None:
    period = Period(NOW - timedelta(minutes=9), NOW - timedelta(minutes=4))
    seen = replace(facts({}), period=period)
    assert answered("parse", seen, "f").detail == (
        "no requests in the 300 s until 11:56:00Z, which Monitoring has"
    )


@pytest.mark.parametrize(
    ("backlog", "verdict", "detail"),
    [
        (Backlog(0, None, 0, 0), Verdict.OK, "messages that wait: 0"),
        (Backlog(40, 12.4, 0, 0), Verdict.OK, "messages that wait: 40, the oldest for 12 s"),
        (Backlog(3, 4.0, 1, 2), Verdict.OK, "messages that wait: 3, the oldest for 4 s; 1 failed before"),
        (
            Backlog(20, 30.0, 20, 4),
            Verdict.WRONG,
            "messages that wait: 20, the oldest for 30 s; 20 failed before, 4 × at most",
        ),
        (Backlog(1, 301.0), Verdict.WRONG, "messages that wait: 1, the oldest for 301 s"),
        (Backlog(1, None), Verdict.OK, "messages that wait: 1"),
    ],
)
def test_a_backlog_is_wrong_when_it_is_old_or_keeps_failing(
    backlog: Backlog, verdict: Verdict, detail: str
) -> None:
    finding = waiting("s", {"s": backlog}, "tail")
    assert finding.verdict is verdict
    assert finding.detail.startswith(detail)


def test_what_nobody_says_is_not_fine() -> None:
    assert waiting("s", SILENT, "f").verdict is Verdict.UNKNOWN
    assert waiting("s", {}, "f").verdict is Verdict.UNKNOWN
    nothing = replace(
        facts({}), answers=SILENT, backlogs=SILENT, logged={"parse": SILENT, "features": SILENT}
    )
    findings = list(judge(nothing, Look(log=lambda name: f"tail {name}", reasons="cqc query")))
    assert len(findings) == 8
    assert {finding.verdict for finding in findings} == {Verdict.UNKNOWN}
    assert all("frozen or overloaded" in finding.detail for finding in findings)
