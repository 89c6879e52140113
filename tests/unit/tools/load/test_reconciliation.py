"""What a run must not show, and that none of it hides another."""

from dataclasses import replace

import pytest

from tools.demo.reconciliation import Ledger
from tools.load.reconciliation import Outcome, findings
from tools.pipeline.pubsub_state import NO_ANSWER

LEDGER = Ledger(
    published=100, duplicates=0, unique_features=100, rejected=0, late=0, late_records=0, in_windows=100
)
GOOD = Outcome(
    ledger=LEDGER,
    miscounted=0,
    unseen_rows=0,
    unseen_values=0,
    answers={"parse": {204: 100, 503: 7, 429: 3, NO_ANSWER: 1}},
    brake_engaged=False,
    outage_seconds=60.0,
    drained_after=120.0,
    disturbed=True,
)


def test_a_good_run_has_no_findings_and_retryable_answers_are_none() -> None:
    assert list(findings(GOOD)) == []


@pytest.mark.parametrize(
    ("ledger", "sentence"),
    [
        (replace(LEDGER, unique_features=97, in_windows=97), "3 of 100 events are LOST"),
        (replace(LEDGER, unique_features=101, in_windows=101), "1 more distinct rows"),
        (replace(LEDGER, unique_features=98, rejected=2, in_windows=98), "2 good events are dead letters"),
        (replace(LEDGER, in_windows=102), "2 events are counted TWICE"),
        (replace(LEDGER, in_windows=99), "1 events are in no window"),
        (replace(LEDGER, late=4, late_records=4, in_windows=96), "4 events are late"),
        (replace(LEDGER, late_records=1), "1 events are late"),
    ],
)
def test_each_wrong_ledger_has_one_sentence(ledger: Ledger, sentence: str) -> None:
    (found,) = findings(replace(GOOD, ledger=ledger))
    assert sentence in found


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (replace(GOOD, miscounted=5), "5 windows do not count their rows"),
        (replace(GOOD, unseen_rows=1), "1 probes never became a visible row"),
        (replace(GOOD, unseen_values=2), "2 probes never became a visible online value"),
        (replace(GOOD, brake_engaged=True), "brake was engaged"),
        (replace(GOOD, answers={"features": {204: 1, 500: 2, 400: 1}}), "1 × 400, 2 × 500"),
        (replace(GOOD, drained_after=None), "never gone"),
        (replace(GOOD, drained_after=120.1), "more than 2 times the outage"),
    ],
)
def test_each_other_fault_has_one_sentence(outcome: Outcome, sentence: str) -> None:
    (found,) = findings(outcome)
    assert sentence in found


def test_a_loss_is_not_hidden_by_as_many_events_that_are_counted_twice() -> None:
    ledger = replace(LEDGER, unique_features=90, in_windows=100)
    found = list(findings(replace(GOOD, ledger=ledger, miscounted=10)))
    assert len(found) == 3
    assert any("LOST" in sentence for sentence in found)


def test_windows_that_miscount_are_found_though_their_sum_is_right() -> None:
    assert list(findings(replace(GOOD, miscounted=2))) == ["2 windows do not count their rows"]


def test_a_burst_may_take_its_time_but_must_end() -> None:
    burst = replace(GOOD, outage_seconds=None)
    assert list(findings(replace(burst, drained_after=10_000.0))) == []
    assert list(findings(replace(burst, drained_after=None))) == ["the backlog was never gone"]
    assert list(findings(replace(burst, disturbed=False, drained_after=None))) == []
