"""A plan from an empty state, judged by the stand-in providers: mocked ones do not look at the values."""

import pytest

from tools import terraform

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
]


@pytest.mark.parametrize("variables", [ONLY_A_PROJECT, EVERY_OPTION], ids=["only a project", "every option"])
def test_plans_from_an_empty_state(variables: list[str]) -> None:
    options = [f"-var={variable}" for variable in variables]
    plan = terraform.run("plan", "-no-color", "-input=false", *options, capture=True)
    assert plan.returncode == 0, plan.stderr
    assert " 0 to change, 0 to destroy." in plan.stdout
