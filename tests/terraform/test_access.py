"""Who may do what: no more than docs/iam.md says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terraform.conftest import Resource, State, apply
from tools.paths import ROOT

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900)]

IAM = ROOT / "docs" / "iam.md"


def bindings(state: State) -> Iterator[Resource]:
    return (
        resource for resource in state.resources if re.search(r"_iam_(member|binding|policy)$", resource.type)
    )


@pytest.fixture(params=["deploys", "feature_store"])
def state(request: pytest.FixtureRequest, deployed: State, with_feature_store: State) -> State:
    return deployed if request.param == "deploys" else with_feature_store


def test_nobody_is_everybody(state: State) -> None:
    found = list(bindings(state))
    assert len(found) > 20
    assert [item.address for item in found if re.search("all(Authenticated)?Users", str(item.values))] == []


def test_every_grant_adds_one_member_and_replaces_nobody(state: State) -> None:
    """A binding or a policy would take the role from whoever else has it."""
    assert [item.address for item in bindings(state) if not item.type.endswith("_iam_member")] == []


def test_what_is_granted_on_the_dataset_later_stays(applied: Path, tmp_path: Path) -> None:
    """The grants of a dataset's roles stand in its own `access`, which a refresh reads."""
    state = json.loads(applied.read_text())
    (dataset,) = (made for made in state["resources"] if made["type"] == "google_bigquery_dataset")
    (values,) = (instance["attributes"] for instance in dataset["instances"])
    reader = dict.fromkeys(values["access"][0]) | {"role": "READER", "user_by_email": "vertex@example.org"}
    values["access"].append(reader)
    changed = tmp_path / "terraform.tfstate"
    changed.write_text(json.dumps(state))
    assert "google_bigquery_dataset.this" not in [address for _, address in apply(changed)]


def test_a_view_that_got_the_datasets_key_stays(applied: Path, tmp_path: Path) -> None:
    """The provider would replace it for that, and the grants to its readers would go with it."""
    state = json.loads(applied.read_text())
    key = {"kms_key_name": "projects/p/locations/l/keyRings/r/cryptoKeys/k", "kms_key_version": ""}
    for made in state["resources"]:
        if (made["type"], made["name"]) == ("google_bigquery_table", "views"):
            for instance in made["instances"]:
                instance["attributes"]["encryption_configuration"] = [key]
    changed = tmp_path / "terraform.tfstate"
    changed.write_text(json.dumps(state))
    assert [address for _, address in apply(changed) if "google_bigquery_table.views" in address] == []


def test_every_view_may_get_the_datasets_key() -> None:
    text = "".join(path.read_text() for path in (ROOT / "terraform").glob("*.tf"))
    tables = re.findall(r'^resource "google_bigquery_table" .*?^}$', text, re.MULTILINE | re.DOTALL)
    views = [block for block in tables if "\n  view {" in block]
    assert len(views) == 2
    assert all("ignore_changes = [encryption_configuration]" in block for block in views)


def test_no_role_is_broad(state: State) -> None:
    broad = re.compile(r"roles/(owner|editor|viewer)$|[aA]dmin$")
    assert [item.address for item in bindings(state) if broad.search(item.values["role"])] == []


def test_only_these_grants_are_of_the_whole_project(state: State) -> None:
    """Writing logs belongs to the project; the others name their bucket or database in a condition."""
    found = {
        (item.values["member"].split("@")[0], item.values["role"], bool(item.values["condition"]))
        for item in state.of_type("google_project_iam_member")
    }
    assert found == {
        ("serviceAccount:other", "roles/logging.logWriter", False),  # the builder
        ("serviceAccount:other", "roles/storage.objectViewer", True),
        ("serviceAccount:cqc-features", "roles/datastore.user", True),
        ("serviceAccount:cqc-aggregate", "roles/datastore.user", True),
    }


def test_every_push_subscription_but_the_last_has_dead_letters_and_the_iam_for_them(state: State) -> None:
    pushed = [
        item
        for item in state.of_type("google_pubsub_subscription")
        if item.values["push_config"] and item.values["push_config"][0]["push_endpoint"]
    ]
    topic = state.values('google_pubsub_topic.this["dead_letter"]')["id"]
    forwarded = {
        item.values["subscription"]
        for item in state.of_type("google_pubsub_subscription_iam_member")
        if item.values["role"] == "roles/pubsub.subscriber"
    }
    assert len(pushed) == 3
    for item in pushed:
        ends_here = item.values["topic"] == topic
        assert bool(item.values["dead_letter_policy"]) is not ends_here, item.address
        assert (item.values["id"] in forwarded) is not ends_here, item.address


def test_every_push_carries_a_token(state: State) -> None:
    for item in state.of_type("google_pubsub_subscription"):
        for push in item.values["push_config"]:
            assert push["oidc_token"], item.address


def test_the_table_in_the_docs_names_every_role_and_no_other(
    with_feature_store: State, with_people: State
) -> None:
    states = (with_feature_store, with_people)
    granted = {item.values["role"].removeprefix("roles/") for state in states for item in bindings(state)}
    custom = {
        item.values["role_id"] for state in states for item in state.of_type("google_project_iam_custom_role")
    }
    predefined = {role for role in granted if re.fullmatch(r"[a-z]\w*\.\w+", role)}
    rows = [line for line in IAM.read_text().splitlines() if line.startswith("| `")]
    documented = {role for line in rows for role in re.findall(r"\*\*([\w.]+)\*\*", line)}
    assert predefined | custom == documented - {"cloudkms.cryptoKeyEncrypterDecrypter"}
