"""The gate of a release: what a plan may do without anybody's looking."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.paths import ROOT


def gate(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tools.plan_gate", *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def plan(folder: Path, address: str, *actions: str) -> str:
    change = {"address": address, "type": address.split(".")[0], "change": {"actions": list(actions)}}
    path = folder / "plan.json"
    path.write_text(json.dumps({"resource_changes": [change]}))
    return str(path)


@pytest.mark.parametrize("actions", [["create"], ["update"], ["no-op"], ["read"]], ids=str)
def test_a_plan_that_adds_and_changes_passes(tmp_path: Path, actions: list[str]) -> None:
    assert gate(plan(tmp_path, "google_pubsub_topic.this", *actions)) == (0, "the plan destroys nothing\n")


def test_a_new_zip_is_no_loss(tmp_path: Path) -> None:
    address = 'google_storage_bucket_object.package["parse"]'
    assert gate(plan(tmp_path, address, "create", "delete"))[0] == 0


@pytest.mark.parametrize("actions", [["delete"], ["delete", "create"], ["create", "delete"]], ids=str)
def test_a_plan_that_destroys_is_refused_by_name(tmp_path: Path, actions: list[str]) -> None:
    code, text = gate(plan(tmp_path, "google_bigquery_table.this", *actions))
    assert code == 1
    assert text.startswith("the plan destroys google_bigquery_table.this: ")


def test_what_is_no_plan_is_misuse(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("Plan: 3 to add")
    for arguments in ([str(tmp_path / "text")], [str(tmp_path / "none")], []):
        code, text = gate(*arguments)
        assert code == 2
        assert text.count("\n") == 1
