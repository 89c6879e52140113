"""`terraform test` once, with its states: what a deployment consists of, as plain values."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tools import terraform


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


@pytest.fixture(scope="session")
def runs() -> Runs:
    """All of terraform/tests."""
    done = terraform.run("test", "-json", "-verbose", capture=True)
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


def _state(raw: Mapping[str, Any]) -> State:
    outputs = {name: output.get("value") for name, output in raw["outputs"].items()}
    return State(list(_resources(raw["root_module"])), outputs)


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for resource in module.get("resources", []):
        if resource["mode"] == "managed":
            yield Resource(resource["address"], resource["type"], resource["values"])
    for child in module.get("child_modules", []):
        yield from _resources(child)


@pytest.fixture(scope="session")
def deployed(runs: Runs) -> State:
    """A first apply with nothing given but the project."""
    return runs.states["deploys"]


@pytest.fixture(scope="session")
def with_feature_store(runs: Runs) -> State:
    return runs.states["feature_store"]


@pytest.fixture(scope="session")
def with_people(runs: Runs) -> State:
    """With producers, readers, traces and a budget."""
    return runs.states["producers_readers_and_what_is_watched"]
