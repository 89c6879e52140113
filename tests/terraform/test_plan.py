"""A plan from an empty state, judged by the stand-in providers: mocked ones do not look at the values."""

from pathlib import Path

import pytest

from tools import terraform
from tools.paths import ROOT

pytestmark = [
    pytest.mark.terraform,
    pytest.mark.skipif(terraform.offline() is None, reason="the real provider plans with credentials only"),
]

ONLY_A_PROJECT = ["project_id=demo-project"]
EVERY_OPTION = [
    *ONLY_A_PROJECT,
    "enable_feature_store=true",
    "enable_data_access_logs=true",
    "kms_key=projects/keys/locations/europe-west2/keyRings/pipeline/cryptoKeys/data",
    "vpc_connector=projects/demo-project/locations/europe-west2/connectors/private",
    'notification_channels=["projects/demo-project/notificationChannels/1"]',
    "firestore_database=(default)",
    'producers=["serviceAccount:dashboard@demo-project.iam.gserviceaccount.com"]',
    'readers=["group:analysts@example.org"]',
    'budget={ billing_account = "012345-6789AB-CDEF01", monthly_amount = 100,'
    ' email_channels = ["projects/demo-project/notificationChannels/2"] }',
    "trace_sample=0.01",
]
EXAMPLES = sorted((ROOT / "terraform" / "examples").glob("*/terraform.tfvars"))


@pytest.mark.parametrize("variables", [ONLY_A_PROJECT, EVERY_OPTION], ids=["only a project", "every option"])
def test_plans_from_an_empty_state(variables: list[str]) -> None:
    check([f"-var={variable}" for variable in variables])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_examples_plan(example: Path) -> None:
    check([f"-var-file={example}"])


def check(options: list[str]) -> None:
    plan = terraform.run("plan", "-no-color", "-input=false", *options, capture=True)
    assert plan.returncode == 0, plan.stderr
    assert " 0 to change, 0 to destroy." in plan.stdout
