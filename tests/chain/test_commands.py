"""The commands on a running chain: tables for people, JSON for machines, sentences for mistakes."""

import json

import pytest

from tests.support.chain import Command
from tools.local.parts import PartsKind

# The commands meet the same services either way.
pytestmark = pytest.mark.parametrize("chain", [PartsKind.STAND_IN], indirect=True)


def test_query_answers_with_a_table_or_with_json(cqc: Command) -> None:
    sql = "SELECT event_type, COUNT(*) AS events FROM realtime_features_unique GROUP BY event_type"
    assert b"dashboard_interaction" in cqc("query", sql).stdout
    answer = json.loads(cqc("query", sql, "--json").stdout)
    assert {row["event_type"] for row in answer} >= {"rating_change", "staff_survey"}
    assert all(isinstance(row["events"], int) for row in answer)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("query", "SELEC 1"), b"SELEC"),
        (("query", "SELECT * FROM no_such_table"), b"no_such_table"),
        (("features", "1-000000000"), b"has no values of location 1-000000000 yet"),
        (("publish", "no-such-file.jsonl"), b"no-such-file.jsonl can't be read"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(
    cqc: Command, arguments: tuple[str, ...], sentence: bytes
) -> None:
    answer = cqc(*arguments)
    assert answer.returncode in (1, 2)
    assert sentence in answer.stderr
    assert b"Traceback" not in answer.stderr


def test_features_shows_what_is_served_with_its_time(cqc: Command) -> None:
    sql = "SELECT location_id FROM realtime_features LIMIT 1"
    location = json.loads(cqc("query", sql, "--json").stdout)[0]["location_id"]
    served = json.loads(cqc("features", location, "--json").stdout)
    assert served["location_id"] == location
    assert served["features"]["real_time_risk_score"]["generate_time"].endswith("+00:00")
    assert b"real_time_risk_score" in cqc("features", location).stdout


def test_flush_shows_its_summary(cqc: Command) -> None:
    assert json.loads(cqc("flush", "--json").stdout)["status"] == "done"
    assert b"events folded" in cqc("flush").stdout
