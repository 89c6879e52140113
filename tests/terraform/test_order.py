"""What waits for what, by Terraform's own graph: IAM is not known everywhere once it is granted."""

import re
from collections import defaultdict

import pytest

from tools import terraform

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def waits_for() -> dict[str, set[str]]:
    """A resource, and all that is made before it."""
    graph = terraform.run("graph", capture=True)
    assert graph.returncode == 0, graph.stderr
    direct = defaultdict(set)
    for later, earlier in re.findall(r'^\s*"([^"]+)" -> "([^"]+)";$', graph.stdout, re.MULTILINE):
        direct[later].add(earlier)

    def reach(name: str, seen: set[str]) -> set[str]:
        for earlier in direct[name] - seen:
            seen.add(earlier)
            reach(earlier, seen)
        return seen

    return {name: reach(name, set()) for name in list(direct)}


@pytest.mark.parametrize(
    "stores",
    [
        "google_artifact_registry_repository.images",
        "google_bigquery_dataset.this",
        "google_firestore_database.windows",
        "google_pubsub_topic.this",
        "google_storage_bucket.archive",
        "google_storage_bucket.source",
        "module.stage.google_cloudfunctions2_function.this",
    ],
)
def test_what_is_encrypted_with_a_key_waits_until_its_use_is_known(
    waits_for: dict[str, set[str]], stores: str
) -> None:
    bindings = {f"google_kms_crypto_key_iam_member.{name}" for name in ("agents", "storage", "bigquery")}
    assert {"time_sleep.kms", *bindings} <= waits_for[stores]
    assert bindings <= waits_for["time_sleep.kms"]


def test_functions_wait_for_the_tables_and_then_until_writers_see_their_columns(
    waits_for: dict[str, set[str]],
) -> None:
    assert "google_bigquery_table.this" in waits_for["time_sleep.schemas"]
    assert "time_sleep.schemas" in waits_for["module.stage.google_cloudfunctions2_function.this"]


def test_a_key_is_granted_to_agents_that_iam_knows(waits_for: dict[str, set[str]]) -> None:
    assert "time_sleep.agents" in waits_for["google_kms_crypto_key_iam_member.agents"]
