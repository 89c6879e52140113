"""`cqc dead-letters` on a running chain: every dead letter is in a group, and its command runs as printed."""

import json
import shlex
from pathlib import Path

import pytest

from tests.support.chain import STAND_IN, Run
from tests.support.command_line import Invoke

pytestmark = pytest.mark.parametrize("chain", [STAND_IN], ids=str, indirect=True)


def test_every_dead_letter_is_in_one_group(run: Run, invoke: Invoke) -> None:
    groups = json.loads(invoke("dead-letters", "--json").out)
    by_reason: dict[str, int] = {}
    for group in groups:
        by_reason[group["reason"]] = by_reason.get(group["reason"], 0) + group["count"]
    counted = run.warehouse.query("SELECT error_type, COUNT(*) FROM streaming_errors_unique GROUP BY 1")
    assert by_reason == {str(reason): count for reason, count in counted.rows}
    assert sum(group["to_redrive"] for group in groups) == run.ledger.rejected


def test_each_command_runs_as_printed_and_takes_its_group(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    groups = json.loads(invoke("dead-letters", "--since", "1h", "--json").out)
    commands = [(group["command"], group["to_redrive"]) for group in groups if group["command"]]
    assert len(commands) > 3
    for command, count in commands:
        answer = invoke(*shlex.split(command)[1:])
        assert answer.code == 0, (command, answer.err)
        assert f"To redrive: {count}. " in answer.out, command


def test_people_see_ids_messages_and_commands_whole(invoke: Invoke) -> None:
    shown = invoke("dead-letters", "--reason", "schema_error").out
    groups = json.loads(invoke("dead-letters", "--reason", "schema_error", "--json").out)
    lines = [line.strip() for line in shown.splitlines()]
    assert groups[0]["command"] in lines
    assert any(line.startswith(groups[0]["examples"][0]["event_id"]) for line in lines)
    left = sum(group["to_redrive"] for group in groups)
    assert lines[-1].endswith(f"still to be redriven: {left}.")


def test_without_dead_letters_it_says_so(invoke: Invoke) -> None:
    answer = invoke("dead-letters", "--location", "1-000000000")
    assert (answer.code, answer.out) == (0, "No dead letters.\n")
