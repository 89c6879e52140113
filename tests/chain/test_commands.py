"""The commands on a running chain: tables for people, JSON for machines, one sentence for misuse."""

import json
import shlex

import pytest
from typer.main import get_group

from tests.support.chain import STAND_IN, Run
from tests.support.command_line import Invoke
from tools.__main__ import app

# The commands see the same services on either backend.
pytestmark = pytest.mark.parametrize("chain", [STAND_IN], ids=str, indirect=True)


def test_query_answers_with_a_table_or_with_json(invoke: Invoke) -> None:
    sql = "SELECT event_type, COUNT(*) AS events FROM realtime_features_unique GROUP BY event_type"
    assert "dashboard_interaction" in invoke("query", sql).out
    answer = json.loads(invoke("query", sql, "--json").out)
    assert {row["event_type"] for row in answer} >= {"rating_change", "staff_survey"}
    assert all(isinstance(row["events"], int) for row in answer)


def test_query_lists_tables_views_and_columns(invoke: Invoke) -> None:
    listed = invoke("query", "--tables", "--csv").out.splitlines()
    assert listed[0] == "name,kind,column,type,mode"
    assert "realtime_features,table,event_id,STRING,REQUIRED" in listed
    assert "streaming_errors_unique,view,error_type,STRING,NULLABLE" in listed


def test_a_wide_row_is_one_line_per_value_and_columns_can_be_chosen(invoke: Invoke) -> None:
    sql = "SELECT * FROM realtime_features LIMIT 1"
    wide = invoke("query", sql).out.splitlines()
    assert wide[0] == "─[ row 1 ]─"
    assert any(line.startswith("real_time_risk_score ") for line in wide)
    narrow = invoke("query", sql, "--columns", "location_id, event_id", "--csv").out.splitlines()
    assert narrow[0] == "location_id,event_id"
    assert len(narrow) == 2


BAD = {
    "publish": [("no-such-file.jsonl", "no-such-file.jsonl can't be read")],
    "query": [
        ("'SELECT 1 AS one' --columns two", "--columns two: the result's columns are one"),
        ("'SELEC 1'", "SELEC"),
        ("''", "give either SQL"),
        ("'SELECT * FROM no_such_table'", "no_such_table"),
    ],
    "features": [
        ("1-000000000", "has no values for location 1-000000000 yet"),
        ("1-000000000 --json", "has no values for location 1-000000000 yet"),
    ],
    "flush": [("--region r", "--region belongs to a deployed pipeline")],
    "kill": [("no-such", "there is no part no-such: choose one of")],
    "restart": [("no-such", "there is no part no-such: choose one of")],
    "pause": [("no-such", "there is no part no-such: choose one of")],
    "resume": [("no-such", "there is no part no-such: choose one of")],
    "replay": [
        ("pyproject.toml --to topic:no-such-topic", "no-such-topic"),
        ("--subscription no-such --to topic", "no-such"),
        ("--seek-subscription no-such --to-time 1m", "no-such"),
        ("--errors --event-id no-such --to topic", "no dead letter of event no-such"),
    ],
    "dead-letters": [("--since 1h --until 2h", "--since 1h is not before --until 2h")],
    "redrive": [
        ("--event-id no-such", "no dead letter of event no-such"),
        ("--set metrics.x=import", "not a Python expression"),
        ("--edited no-such-file.jsonl", "no-such-file.jsonl can't be read"),
    ],
    "explain": [("no-such-event", "nothing is known about event no-such-event")],
    "verify-windows": [("--from 2h --to 3h", "give an earlier --from or a later --to")],
    "heal-online": [("--from 1h --to 2h", "--from")],
    "status": [("--region r", "--region belongs to a deployed pipeline")],
    "doctor": [("--region r", "--region belongs to a deployed pipeline")],
    "tail": [("--reason no-such", "--reason no-such: choose one of")],
    "trace": [("latest", "--trace")],
}
"""Command to bad input that only a chain that answers can refuse, or that must not get to it."""


ON_A_CHAIN = [
    name
    for name, command in get_group(app).commands.items()
    if any("--chain" in option.opts for option in command.params)
]
"""Each must be in the table."""


@pytest.mark.parametrize(
    ("command", "line", "sentence"), [(name, *case) for name in ON_A_CHAIN for case in BAD[name]]
)
def test_bad_input_is_answered_with_one_sentence_and_2(
    invoke: Invoke, command: str, line: str, sentence: str
) -> None:
    answer = invoke(command, *shlex.split(line))
    assert answer.code == 2, answer
    assert sentence in answer.err


def test_features_shows_served_values_with_their_event_time(invoke: Invoke) -> None:
    sql = "SELECT location_id FROM realtime_features LIMIT 1"
    location = json.loads(invoke("query", sql, "--json").out)[0]["location_id"]
    served = json.loads(invoke("features", location, "--json").out)
    assert served["location_id"] == location
    assert served["features"]["real_time_risk_score"]["generate_time"].endswith("+00:00")
    assert "real_time_risk_score" in invoke("features", location).out


def test_a_suggested_command_names_the_chain_as_this_one_did(run: Run, invoke: Invoke) -> None:
    chain = str(run.chain.file)
    answer = invoke("features", "1-000000000", "--chain", chain)
    assert f"`cqc query --chain {chain} 'SELECT DISTINCT location_id" in answer.err


def test_a_statement_says_what_it_did(invoke: Invoke) -> None:
    said = [
        invoke("query", sql).out.strip()
        for sql in (
            "CREATE OR REPLACE TABLE statements (a INT64)",
            "INSERT INTO statements VALUES (1), (2)",
            "DELETE FROM statements WHERE a = 1",
            "DROP TABLE statements",
        )
    ]
    assert said == ["CREATE TABLE: done", "INSERT: 2 rows", "DELETE: 1 row", "DROP TABLE: done"]


def test_flush_shows_the_summary(invoke: Invoke) -> None:
    assert json.loads(invoke("flush", "--json").out)["status"] == "done"
    assert "events folded" in invoke("flush").out
