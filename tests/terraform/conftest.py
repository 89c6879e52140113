"""`terraform test` once, with its states: what a deployment consists of, as plain values."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tools import terraform
from tools.paths import ROOT

TESTS = ROOT / "terraform" / "tests"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a state."""

    address: str
    type: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """What one run of `terraform test` would have made."""

    resources: Sequence[Resource]
    outputs: Mapping[str, Any]

    def of_type(self, *types: str) -> Iterator[Resource]:
        return (resource for resource in self.resources if resource.type in types)

    def values(self, address: str) -> Mapping[str, Any]:
        (found,) = (resource.values for resource in self.resources if resource.address == address)
        return found


@dataclass(frozen=True, slots=True)
class Runs:
    """Run name to `pass` or else, and to its state where it applied; `problems` are terraform's sentences."""

    status: Mapping[str, str]
    states: Mapping[str, State]
    problems: Sequence[str]


@cache
def _run(name: str) -> Runs:
    """One file of terraform/tests; each takes minutes, so a test waits for no more of them than it needs."""
    done = terraform.run("test", "-json", "-verbose", f"-filter=tests/{name}.tftest.hcl", capture=True)
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert events, done.stderr
    return Runs(
        status={
            run["run"]: run["status"]
            for event in events
            if event["type"] == "test_run" and (run := event["test_run"]).get("status")
        },
        states={
            event["@testrun"]: _state(event["test_state"])
            for event in events
            if event["type"] == "test_state"
        },
        problems=[
            f"{event.get('@testrun', '')}: {event['@message']} {event['diagnostic'].get('detail', '')}"
            for event in events
            if event["type"] == "diagnostic" and event["diagnostic"]["severity"] == "error"
        ],
    )


@pytest.fixture(params=sorted(path.name.split(".")[0] for path in TESTS.glob("*.tftest.hcl")))
def runs(request: pytest.FixtureRequest) -> Runs:
    """Each file of terraform/tests."""
    return _run(request.param)


def _state(raw: Mapping[str, Any]) -> State:
    outputs = {name: output.get("value") for name, output in raw["outputs"].items()}
    return State(list(_resources(raw["root_module"])), outputs)


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for resource in module.get("resources", []):
        if resource["mode"] == "managed":
            yield Resource(resource["address"], resource["type"], resource["values"])
    for child in module.get("child_modules", []):
        yield from _resources(child)


def apply(state: Path, *options: str) -> Sequence[tuple[str, str]]:
    """Actions and addresses, in the order in which they were done."""
    done = terraform.run(
        "apply",
        "-json",
        "-input=false",
        "-var=project_id=demo-project",
        *options,
        f"-state={state}",
        capture=True,
    )
    assert done.returncode == 0, done.stdout
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    hooks = [event["hook"] for event in events if event["type"] == "apply_complete"]
    return [(hook["action"], hook["resource"]["addr"]) for hook in hooks if hook["action"] != "read"]


@pytest.fixture(scope="session")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state after a first apply in which `features` is pushed to and ready to pull. Who changes it takes
    a copy."""
    if terraform.offline() is None:
        pytest.skip("the real provider applies with credentials only")
    state = tmp_path_factory.mktemp("state") / "terraform.tfstate"
    apply(state, '-var=drivers={features="push"}')
    return state


@pytest.fixture(scope="session")
def deployed() -> State:
    """A first apply with nothing given but the project."""
    return _run("deployment").states["deploys"]


@pytest.fixture(scope="session")
def with_feature_store() -> State:
    return _run("options").states["feature_store"]


@pytest.fixture(scope="session")
def with_people() -> State:
    """With producers, readers, traces and a budget."""
    return _run("options").states["producers_readers_and_what_is_watched"]


@pytest.fixture(scope="session")
def features_pulls() -> State:
    return _run("pull").states["features_pulls"]


@pytest.fixture(scope="session")
def all_pull() -> State:
    """With a key, a subnetwork, and an image of one's own for deadletter."""
    return _run("pull").states["all_pull"]
