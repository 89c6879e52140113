"""The examples run as they are: a producer, a reader of online values, a query for training rows."""

import csv
import os
import subprocess
import sys

import pytest

from tests.repair.helpers import ROWS_OF, event, number, publish, until_number
from tests.support.chain import STAND_IN, Run, command
from tools.paths import ROOT
from tools.pipeline.flushing import flush

pytestmark = pytest.mark.parametrize("chain", [STAND_IN], ids=str, indirect=True)

EXAMPLES = ROOT / "examples"
LOCATION = "1-466088203"


def ran(run: Run, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    chain = run.chain.address
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        env=os.environ | chain.emulator_variables() | {"PROJECT_ID": chain.project},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def example(run: Run, name: str, *arguments: str) -> str:
    answer = ran(run, name, *arguments)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_producer_sends_an_event_that_the_reader_then_sees(run: Run) -> None:
    event_id = example(run, "producer.py").strip()
    until_number(run, 1, ROWS_OF, event_id=event_id)
    served = dict(line.split("\t") for line in example(run, "online_features.py", LOCATION).splitlines())
    assert served["rating_change_direction"] == "declined"


def test_the_reader_says_that_a_location_has_no_features_yet(run: Run) -> None:
    answer = ran(run, "online_features.py", "1-000000000")
    assert (answer.returncode, answer.stderr) == (1, "location 1-000000000 has no features yet\n")


def test_a_training_row_has_what_was_known_when_its_event_was_processed(run: Run) -> None:
    first, second = event(), event()
    second["location_id"] = first["location_id"]
    for sent in (first, second):
        publish(run, sent)
        event_id = str(sent["event_id"])
        until_number(run, 1, ROWS_OF, event_id=event_id)
        flush(run.chain.address.functions["aggregate"])
    sql = (EXAMPLES / "training_rows.sql").read_bytes()
    answer = command(run.chain, "query", "-", "--csv", stdin=sql)
    rows = {row["event_id"]: row for row in csv.DictReader(answer.stdout.decode().splitlines())}
    known = [rows[str(sent["event_id"])]["known_window_events"] for sent in (first, second)]
    assert known == ["", "1"]
    everything = number(run, "SELECT COUNT(*) FROM realtime_features_unique")
    assert len(rows) == everything
