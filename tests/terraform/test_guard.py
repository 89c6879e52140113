"""What holds data survives a destroy and a replacement: the plan is refused, before anything is touched.

What somebody has deleted by hand is made anew by a usual apply.
"""

import re
import shutil
from pathlib import Path

import pytest

from tests.terraform.conftest import apply
from tools import terraform

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(600)]

OPTIONS = ["-no-color", "-input=false", "-var=project_id=demo-project"]

ARCHIVE = ['google_storage_bucket.archive["on"]', 'google_pubsub_subscription.archive["on"]']
MONITOR = "google_pubsub_subscription.monitor"
TABLE = 'google_bigquery_table.this["streaming_errors"]'
STAGE = 'module.stage["parse"]'
PARSE = f'{STAGE}.google_pubsub_subscription.this["dashboard-events-parse"]'


def refused_by(state: Path, *change: str) -> set[str]:
    plan = terraform.run("plan", *OPTIONS, f"-state={state}", *change, capture=True)
    assert plan.returncode != 0, plan.stdout
    return set(re.findall(r"Resource\s+(\S+)\s+has\s+lifecycle.prevent_destroy", plan.stderr))


@pytest.mark.parametrize(
    ("change", "guards"),
    [(["-destroy"], 12), (["-destroy", f"-target={STAGE}.google_cloudfunctions2_function.this"], 1)],
    ids=["all", "a function with its subscription"],
)
def test_a_plan_that_would_lose_data_is_refused(applied: Path, change: list[str], guards: int) -> None:
    assert len(refused_by(applied, *change)) >= guards


@pytest.mark.parametrize(
    ("replaced", "guards"),
    [
        (
            [TABLE, PARSE, 'google_pubsub_topic.this["parsed"]', MONITOR, ARCHIVE[0]],
            {
                'terraform_data.guard_of_table["streaming_errors"]',
                f'{STAGE}.terraform_data.guard_of_subscription["dashboard-events-parse"]',
                'terraform_data.guard_of_topic["parsed"]',
                'terraform_data.guard_of_windows_and_monitor["on"]',
                'terraform_data.guard_of_archive["on"]',
            },
        ),
        (
            ["google_firestore_database.windows", ARCHIVE[1]],
            {'terraform_data.guard_of_windows_and_monitor["on"]', 'terraform_data.guard_of_archive["on"]'},
        ),
    ],
    ids=["one of each", "the others"],
)
def test_a_replacement_is_refused_by_the_guard_of_what_it_replaces(
    applied: Path, replaced: list[str], guards: set[str]
) -> None:
    assert refused_by(applied, *(f"-replace={address}" for address in replaced)) >= guards


def test_what_was_deleted_by_hand_is_made_anew(applied: Path, tmp_path: Path) -> None:
    """A refresh finds it gone, as if it had never been in the state."""
    state = Path(shutil.copy(applied, tmp_path))
    gone = [TABLE, PARSE, MONITOR, *ARCHIVE]
    removed = terraform.run("state", "rm", f"-state={state}", *gone, capture=True)
    assert removed.returncode == 0, removed.stderr
    done = apply(state, '-var=drivers={features="push"}')
    assert {("create", address) for address in gone} <= set(done)
    assert [address for _, address in done if "guard" in address] == []


def test_the_archive_is_switched_off_once_its_guard_is_gone(applied: Path, tmp_path: Path) -> None:
    """As docs/deployment.md says, under Destroying."""
    state = Path(shutil.copy(applied, tmp_path))
    guard, off = 'terraform_data.guard_of_archive["on"]', "-var=archive={enabled=false}"
    assert refused_by(state, off) == {guard}
    removed = terraform.run("state", "rm", f"-state={state}", guard, capture=True)
    assert removed.returncode == 0, removed.stderr
    done = apply(state, '-var=drivers={features="push"}', off)
    assert {("delete", address) for address in ARCHIVE} <= set(done)
    assert [address for _, address in done if "guard" in address] == []
