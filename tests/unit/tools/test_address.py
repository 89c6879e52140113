"""The chain's file: written atomically, found from any folder below, and clear errors when it is unusable."""

import json
import os
from pathlib import Path

import pytest

from tools.errors import UsageError
from tools.local.parts import address as address_on
from tools.local.ports import ORDER
from tools.pipeline import address
from tools.pipeline.address import CHAIN_FILE, STATE_FOLDER, ChainFile

CHAIN = address_on({name: 8600 + number for number, name in enumerate(ORDER)})
DEAD = 2**22 + 1
"""Not a process id: larger than Linux and macOS allow."""


def write(folder: Path, pid: int | None) -> Path:
    path = folder / STATE_FOLDER / CHAIN_FILE
    address.write(path, ChainFile(**CHAIN.model_dump(), pid=pid))
    return path


def test_the_json_has_exactly_the_documented_keys() -> None:
    assert json.loads(CHAIN.to_json()) == {
        "project": "cqc-local",
        "pubsub": "127.0.0.1:8600",
        "firestore": "127.0.0.1:8601",
        "feature_store": "127.0.0.1:8602",
        "bigquery": "http://127.0.0.1:8603",
        "bigquery_storage": "127.0.0.1:8604",
        "functions": {
            "parse": "http://127.0.0.1:8605",
            "features": "http://127.0.0.1:8606",
            "aggregate": "http://127.0.0.1:8607",
            "deadletter": "http://127.0.0.1:8608",
        },
        "driver": "push",
        "emulators": False,
        "topics": {
            "events": "projects/cqc-local/topics/dashboard-events",
            "parsed": "projects/cqc-local/topics/dashboard-events-parsed",
            "dead_letter": "projects/cqc-local/topics/dashboard-events-dead-letter",
        },
        "dataset": "cqc_dataset",
        "feature_view": "projects/cqc-local/locations/europe-west2/"
        "featureOnlineStores/cqc_feature_store/featureViews/location_features",
    }


def test_a_chain_that_collects_spans_has_the_collectors_url() -> None:
    ports = {name: 8600 + number for number, name in enumerate(ORDER)}
    assert json.loads(address_on(ports, trace=True).to_json())["otlp"] == "http://127.0.0.1:8609"


def test_a_running_chain_is_found_from_a_folder_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, os.getpid())
    below = tmp_path / "docs" / "decisions"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert address.find(None).pubsub == "127.0.0.1:8600"


def test_without_a_file_the_error_says_how_to_start_a_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"no chain is running in .*: start one with `cqc up`"):
        address.find(None)


def test_a_missing_file_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"elsewhere\.json can't be read \(No such file or directory\)"):
        address.find(tmp_path / "elsewhere.json")


def test_the_file_of_a_killed_chain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no longer running"):
        address.find(write(tmp_path, DEAD))


def test_a_file_without_a_process_id_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    address.write(path, CHAIN)
    assert address.find(path).model_dump() == CHAIN.model_dump() | {"pid": None, "parts": {}, "forgets": {}}


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"project": 1}'])
def test_a_file_that_describes_no_chain_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="does not describe a chain"):
        address.find(path)


def test_writing_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = write(tmp_path, None)
    assert [entry.name for entry in path.parent.iterdir()] == [CHAIN_FILE]
