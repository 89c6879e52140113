"""The gate of a release: what a plan may do without anybody's looking."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.paths import ROOT
from tools.plan_gate import PASSED

Values = Mapping[str, object]


def gate(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tools.plan_gate", *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def plan(folder: Path, address: str, *actions: str, before: Values = {}, after: Values = {}) -> str:  # noqa: B006 - read only
    made = {"actions": list(actions), "before": before, "after": after}
    change = {"address": address, "type": address.split(".")[0], "change": made}
    path = folder / "plan.json"
    path.write_text(json.dumps({"resource_changes": [change]}))
    return str(path)


@pytest.mark.parametrize("actions", [["create"], ["update"], ["no-op"], ["read"]], ids=str)
def test_a_plan_that_adds_and_changes_passes(tmp_path: Path, actions: list[str]) -> None:
    assert gate(plan(tmp_path, "google_pubsub_topic.this", *actions)) == (0, f"{PASSED}\n")


def test_a_new_zip_is_no_loss(tmp_path: Path) -> None:
    address = 'google_storage_bucket_object.package["parse"]'
    assert gate(plan(tmp_path, address, "create", "delete"))[0] == 0


@pytest.mark.parametrize("actions", [["delete"], ["delete", "create"], ["create", "delete"]], ids=str)
def test_a_plan_that_destroys_is_refused_by_name(tmp_path: Path, actions: list[str]) -> None:
    code, text = gate(plan(tmp_path, "google_bigquery_table.this", *actions))
    assert code == 1
    assert text.startswith("the plan destroys google_bigquery_table.this: ")


def table(expiration: int | None) -> Values:
    return {"time_partitioning": [{"type": "DAY", "expiration_ms": expiration}], "expiration_time": None}


def columns(*names: str, view: str = "") -> Values:
    """As the provider reads them back, or plans them."""
    schema = json.dumps([{"name": name, "type": "INTEGER"} for name in names]) if names else None
    return {"schema": schema, "view": [{"query": view}] if view else []}


def bucket(*ages: int, newer: int = 0) -> Values:
    rules: list[Values] = [
        {"action": [{"type": "Delete"}], "condition": [{"age": age, "num_newer_versions": newer}]}
        for age in ages
    ]
    colder: Values = {
        "action": [{"type": "SetStorageClass"}],
        "condition": [{"age": 30, "days_since_noncurrent_time": None}],
    }
    return {"lifecycle_rule": [colder, *rules]}


def expiring(*ttl: str) -> Values:
    return {"message_retention_duration": "604800s", "expiration_policy": [{"ttl": value} for value in ttl]}


@pytest.mark.parametrize(
    ("kind", "longer", "shorter", "what"),
    [
        ("google_bigquery_table", table(None), table(63_072_000_000), "partitions"),
        ("google_bigquery_table", table(0), table(63_072_000_000), "partitions"),
        ("google_bigquery_table", table(63_072_000_000), table(7_776_000_000), "partitions"),
        (
            "google_bigquery_table",
            table(None),
            {**table(None), "expiration_time": 1_800_000_000_000},
            "table",
        ),
        # The provider drops a column in place, whatever the table's deletion_protection says.
        ("google_bigquery_table", columns("location_id", "score"), columns("location_id"), "column score"),
        ("google_bigquery_dataset", {}, {"default_table_expiration_ms": 3_600_000}, "new tables"),
        ("google_bigquery_dataset", {}, {"max_time_travel_hours": "48"}, "deleted rows"),
        (
            "google_pubsub_topic",
            {"message_retention_duration": "604800s"},
            {"message_retention_duration": "86400s"},
            "messages",
        ),
        (
            "google_pubsub_topic",
            {"message_retention_duration": "604800s"},
            {"message_retention_duration": None},
            "messages",
        ),
        (
            "google_pubsub_subscription",
            expiring(""),
            {**expiring(""), "message_retention_duration": "86400s"},
            "messages",
        ),
        ("google_pubsub_subscription", expiring(""), expiring("2678400s"), "unused"),
        ("google_pubsub_subscription", expiring(""), expiring(), "unused"),
        ("google_storage_bucket", bucket(), bucket(730), "files"),
        ("google_storage_bucket", bucket(730), bucket(365), "files"),
        ("google_storage_bucket", bucket(730), bucket(730, 31), "files"),
        ("google_storage_bucket", bucket(), bucket(0), "files"),
        ("google_storage_bucket", bucket(), bucket(0, newer=3), "old versions"),
        (
            "google_storage_bucket",
            {"soft_delete_policy": [{"retention_duration_seconds": 604_800}]},
            {"soft_delete_policy": [{"retention_duration_seconds": 0}]},
            "deleted files",
        ),
        ("google_firestore_field", {"ttl_config": []}, {"ttl_config": [{"state": None}]}, "documents"),
        (
            "google_logging_project_bucket_config",
            {"retention_days": 90},
            {"retention_days": 30},
            "entries",
        ),
    ],
)
def test_a_plan_that_keeps_something_for_a_shorter_time_is_refused_and_one_that_keeps_it_longer_passes(
    tmp_path: Path, kind: str, longer: Values, shorter: Values, what: str
) -> None:
    address = f"{kind}.this"
    code, text = gate(plan(tmp_path, address, "update", before=longer, after=shorter))
    assert (code, text.split(":")[0]) == (1, f"the plan keeps for a shorter time {address} ({what})")
    assert gate(plan(tmp_path, address, "update", before=shorter, after=longer))[0] == 0
    assert gate(plan(tmp_path, address, "update", before=shorter, after=shorter))[0] == 0


def test_a_views_columns_hold_nothing(tmp_path: Path) -> None:
    """They follow from its query, and are not known while one that changes is planned."""
    before, after = columns("score", view="SELECT 1 AS score"), columns(view="SELECT 2 AS rank")
    assert gate(plan(tmp_path, "google_bigquery_table.views", "update", before=before, after=after))[0] == 0


def test_what_is_no_plan_is_misuse(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("Plan: 3 to add")
    for arguments in ([str(tmp_path / "text")], [str(tmp_path / "none")], []):
        code, text = gate(*arguments)
        assert code == 2
        assert text.count("\n") == 1
