"""What holds data survives a destroy and a replacement: the plan is refused, before anything is touched."""

from pathlib import Path

import pytest

from tools import terraform

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(600)]

OPTIONS = ["-no-color", "-input=false", "-var=project_id=demo-project"]


@pytest.mark.parametrize(
    "change",
    [
        ["-destroy"],
        ["-destroy", '-target=module.stage["parse"].google_cloudfunctions2_function.this'],
    ],
    ids=["all", "a function with its subscription"],
)
def test_a_plan_that_would_lose_data_is_refused(applied: Path, change: list[str]) -> None:
    plan = terraform.run("plan", *OPTIONS, f"-state={applied}", *change, capture=True)
    assert plan.returncode != 0
    assert "Instance cannot be destroyed" in plan.stderr
    assert "terraform_data.guard" in plan.stderr
