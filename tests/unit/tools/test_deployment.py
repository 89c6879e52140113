"""Which pipeline a command works on, and what it says when that is unclear or not permitted."""

import json
import os
from pathlib import Path

import pytest

from tools.errors import UsageError
from tools.local.parts import address as address_on
from tools.local.ports import ORDER
from tools.pipeline import address, connect
from tools.pipeline.address import ChainFile
from tools.pipeline.deployment import Deployment, PipelineOptions, locate

SETTINGS = 'project = "from-the-file"\nregion = "us-central1"\n'
CHAIN = address_on({name: 8600 + number for number, name in enumerate(ORDER)})


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with nothing in the environment that names a pipeline."""
    for name in ("CHAIN", "PROJECT", "REGION", "DATASET"):
        monkeypatch.delenv(f"CQC_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_a_chain_in(folder: Path) -> None:
    address.write(folder / ".cqc" / "chain.json", ChainFile(**CHAIN.model_dump(), pid=os.getpid()))


def test_the_command_line_wins_over_the_environment_and_that_over_the_folder(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "cqc.toml").write_text(SETTINGS)
    assert locate(PipelineOptions()).project == "from-the-file"
    monkeypatch.setenv("CQC_PROJECT", "from-the-environment")
    assert locate(PipelineOptions()).project == "from-the-environment"
    assert locate(PipelineOptions(project="given")).project == "given"
    assert locate(PipelineOptions(chain_file=Path("cqc.toml"))).project == "from-the-file"


def test_a_file_of_settings_is_found_from_a_folder_below(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "cqc.toml").write_text(SETTINGS)
    (empty_folder / "docs").mkdir()
    monkeypatch.chdir(empty_folder / "docs")
    assert locate(PipelineOptions()) == Deployment(project="from-the-file", region="us-central1")


def test_region_and_dataset_change_what_a_file_says(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "cqc.toml").write_text(SETTINGS)
    monkeypatch.setenv("CQC_REGION", "europe-west1")
    monkeypatch.setenv("CQC_DATASET", "elsewhere")
    found = locate(PipelineOptions(dataset="given"))
    assert found == Deployment(project="from-the-file", region="europe-west1", dataset="given")


def test_a_chain_is_reached_although_the_environment_names_a_region(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_a_chain_in(empty_folder)
    monkeypatch.setenv("CQC_REGION", "europe-west1")
    assert locate(PipelineOptions()).project == CHAIN.project


def test_a_running_chain_beside_a_file_of_settings_is_no_guess(empty_folder: Path) -> None:
    (empty_folder / "cqc.toml").write_text(SETTINGS)
    run_a_chain_in(empty_folder)
    with pytest.raises(UsageError, match=r"a chain is running here: say which is meant, with --chain .*toml"):
        locate(PipelineOptions())
    assert locate(PipelineOptions(chain_file=empty_folder / ".cqc" / "chain.json")).project == CHAIN.project


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("project: x", r"cqc\.toml is not TOML .*: write it like project = "),
        ('region = "r"', r"cqc\.toml does not describe a deployment \(project: Field required\)"),
        ('project = "p"\nzone = "a"', r"zone: Extra inputs .* its settings are project, region"),
    ],
)
def test_a_file_of_settings_that_is_wrong_is_named(empty_folder: Path, content: str, sentence: str) -> None:
    (empty_folder / "cqc.toml").write_text(content)
    with pytest.raises(UsageError, match=sentence):
        locate(PipelineOptions())


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
        (
            PipelineOptions(project="p", chain_file=Path("chain.json")),
            "--project and --chain name two pipelines",
        ),
        (
            PipelineOptions(dataset="d", chain_file=Path("chain.json")),
            "--dataset belongs to a deployed pipeline: give --project as well",
        ),
        (
            PipelineOptions(project="not a name"),
            r"--project does not describe a deployment \(project: String should",
        ),
    ],
)
def test_an_ambiguous_command_line_is_answered_with_one_sentence(
    empty_folder: Path, options: PipelineOptions, sentence: str
) -> None:
    address.write(empty_folder / "chain.json", CHAIN)
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
