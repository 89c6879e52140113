"""The commands on a running chain: tables for people, JSON for machines, one sentence for misuse."""

import json

import pytest

from tests.support.command_line import Invoke
from tools.local.parts import PartsKind

# The commands see the same services on either backend.
pytestmark = pytest.mark.parametrize("chain", [PartsKind.STAND_IN], indirect=True)


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


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("query", "SELECT 1 AS one", "--columns", "two"), "--columns two: the result's columns are one"),
        (("query", "SELEC 1"), "SELEC"),
        (("replay", "pyproject.toml", "--to", "topic:no-such-topic"), "no-such-topic"),
        (("query", "SELECT * FROM no_such_table"), "no_such_table"),
        (("features", "1-000000000"), "has no values for location 1-000000000 yet"),
        (("publish", "no-such-file.jsonl"), "no-such-file.jsonl can't be read"),
    ],
)
def test_misuse_is_answered_with_one_sentence(
    invoke: Invoke, arguments: tuple[str, ...], sentence: str
) -> None:
    answer = invoke(*arguments)
    assert answer.code == 2
    assert sentence in answer.err


def test_features_shows_served_values_with_their_event_time(invoke: Invoke) -> None:
    sql = "SELECT location_id FROM realtime_features LIMIT 1"
    location = json.loads(invoke("query", sql, "--json").out)[0]["location_id"]
    served = json.loads(invoke("features", location, "--json").out)
    assert served["location_id"] == location
    assert served["features"]["real_time_risk_score"]["generate_time"].endswith("+00:00")
    assert "real_time_risk_score" in invoke("features", location).out


def test_flush_shows_the_summary(invoke: Invoke) -> None:
    assert json.loads(invoke("flush", "--json").out)["status"] == "done"
    assert "events folded" in invoke("flush").out
