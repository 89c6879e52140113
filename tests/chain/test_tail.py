"""`cqc tail` on a running chain: the outcomes that the tables have, each once, until Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.chain import STAND_IN, Run
from tools.paths import ROOT
from tools.tail.following import Tail
from tools.tail.looking import Filters, TableLook
from tools.tail.outcomes import DEAD_LETTER, Outcome

pytestmark = pytest.mark.parametrize("chain", [STAND_IN], ids=str, indirect=True)


def shown(run: Run, filters: Filters) -> list[Outcome]:
    """What two looks over the last hour come to."""
    outcomes: list[Outcome] = []
    waits = iter([None])

    def wait() -> None:
        if next(waits, KeyboardInterrupt) is KeyboardInterrupt:
            raise KeyboardInterrupt

    look = TableLook(run.warehouse, filters)
    tail = Tail(look, lambda: datetime.now(UTC), wait, outcomes.append, lambda _: None)
    tail.run(datetime.now(UTC) - timedelta(hours=1))
    return outcomes


def number(run: Run, sql: str) -> int:
    return int(str(run.warehouse.query(sql).rows[0][0]))


def test_every_event_is_shown_once_and_every_failure(run: Run) -> None:
    outcomes = shown(run, Filters())
    rows = [outcome for outcome in outcomes if outcome.kind != DEAD_LETTER]
    recent = "event_timestamp > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)"
    assert len(rows) == number(run, f"SELECT COUNT(*) FROM realtime_features_unique WHERE {recent}")
    failures = "SELECT COUNT(*) FROM (SELECT DISTINCT event_id, stage, error_type, error_timestamp"
    assert len(outcomes) - len(rows) == number(run, f"{failures} FROM streaming_errors)")
    assert [outcome.at for outcome in outcomes] == sorted(outcome.at for outcome in outcomes)


def test_the_filters_leave_what_matches_all_of_them(run: Run) -> None:
    late = shown(run, Filters(reason="late_event"))
    assert len({outcome.event_id for outcome in late}) == run.ledger.late
    location = late[0].location_id
    there = shown(run, Filters(location=location, event_type=late[0].event_type))
    assert {(outcome.location_id, outcome.event_type) for outcome in there} == {
        (location, late[0].event_type)
    }
    assert {outcome.kind for outcome in there} == {"row", DEAD_LETTER}


def test_ctrl_c_ends_it_with_0_and_says_how_many_it_showed(run: Run) -> None:
    words = ("tail", "--since", "1h", "--json", "--reason", "schema_error")
    following = subprocess.Popen(
        [sys.executable, "-m", "tools", *words],
        cwd=ROOT,
        env=os.environ | {"CQC_CHAIN": str(run.chain.file)},
        bufsize=0,  # `readline` would take more than a line from the pipe, and `communicate` miss it
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert following.stdout
        first = json.loads(following.stdout.readline())
        following.send_signal(signal.SIGINT)
        rest, errors = following.communicate(timeout=60)
    finally:
        following.kill()
    assert (first["outcome"], first["reason"]) == ("dead_letter", "schema_error")
    assert following.returncode == 0, errors
    said = int(errors.split()[0])
    assert said - (1 + len(rest.splitlines())) in (0, 1), "one that it was about to show counts"
