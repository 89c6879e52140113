"""Which pipeline a command works on, and what it says when that is unclear or not permitted."""

import json
import os
from pathlib import Path

import pytest

from tools.errors import UsageError
from tools.local.parts import address as address_on
from tools.local.ports import ORDER
from tools.pipeline import address, connect
from tools.pipeline.deployment import Deployment, PipelineOptions, locate

CHAIN = address_on({name: 8600 + number for number, name in enumerate(ORDER)})


def test_a_project_names_a_deployment_with_terraforms_defaults() -> None:
    deployed = locate(PipelineOptions(project="my-project"))
    assert deployed == Deployment(
        project="my-project", region="europe-west2", dataset="cqc_dataset", firestore_database="cqc-windows"
    )
    assert deployed.topics["parsed"] == "projects/my-project/topics/dashboard-events-parsed"
    assert deployed.feature_view.startswith("projects/my-project/locations/europe-west2/featureOnlineStores/")


def test_a_file_describes_a_deployment_or_a_chain(tmp_path: Path) -> None:
    path = tmp_path / "saved.json"
    path.write_text(json.dumps({"project": "my-project", "dataset": "other"}))
    deployed = locate(PipelineOptions(chain_file=path))
    assert isinstance(deployed, Deployment)
    assert deployed.dataset == "other"
    address.write(path, CHAIN)
    assert locate(PipelineOptions(chain_file=path)).project == CHAIN.project


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (PipelineOptions(project="p", chain_file=Path("chain.json")), "name two pipelines: give one of them"),
        (PipelineOptions(dataset="d"), "--dataset belongs to a deployed pipeline: give --project as well"),
        (
            PipelineOptions(project="not a name"),
            r"--project does not describe a deployment \(project: String should",
        ),
    ],
)
def test_an_ambiguous_command_line_is_answered_with_one_sentence(
    options: PipelineOptions, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        locate(options)


def test_a_file_with_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "saved.json"
    path.write_text('{"project": "my-project", "zone": "a"}')
    with pytest.raises(UsageError, match=r"zone: Extra inputs .* its settings are project, region"):
        locate(PipelineOptions(chain_file=path))


def test_a_deployment_without_credentials_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    with pytest.raises(UsageError, match="gcloud auth application-default login"):
        connect.enter(Deployment(project="my-project"))


def test_a_deployment_is_never_reached_through_the_local_emulator_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "t"}
    (tmp_path / "key.json").write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "my-project")
    for variable, endpoint in CHAIN.emulator_variables().items():
        monkeypatch.setenv(variable, endpoint)
    connect.enter(Deployment(project="my-project"))
    assert not os.environ.keys() & CHAIN.emulator_variables().keys()
