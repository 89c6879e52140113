"""The parts of the local chain: each one's command line, and the functions' environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from shared.delivery.batching import PULLED
from shared.topology import (
    DATASET,
    DEAD_LETTER_TOPIC,
    FUNCTIONS,
    PARSED_TOPIC,
    PUSHED,
    REGION,
    feature_view_path,
    subscription_name,
    topic_paths,
)
from tools.faults.plan import Plan
from tools.local.emulators import EMULATORS
from tools.local.ports import HOST, endpoints
from tools.local.process import Part
from tools.paths import ROOT
from tools.pipeline.address import ChainAddress, Driver

PROJECT = "cqc-local"

# They would make the framework start other workers or functions than the command line says.
_NOT_PASSED_ON = (
    "WORKERS",
    "THREADS",
    "FUNCTION_TARGET",
    "FUNCTION_SOURCE",
    "FUNCTION_SIGNATURE_TYPE",
    "PORT",
    "HOST",
)


class PartsKind(StrEnum):
    """What serves as Pub/Sub and Firestore; BigQuery and the feature store are always stand-ins."""

    STAND_IN = "stand-in"
    EMULATORS = "emulators"


STATEFUL = frozenset({"pubsub", "firestore", "bigquery", "feature-store"})
"""The parts that hold data which the pipeline relies on."""


def address(
    ports: Mapping[str, int],
    trace: bool = False,
    driver: Driver = Driver.PUSH,
    parts: PartsKind = PartsKind.STAND_IN,
) -> ChainAddress:
    """Where a chain on these ports will be."""
    at = endpoints(ports)
    called = [name for name in FUNCTIONS if driver is Driver.PUSH or name not in PUSHED]
    return ChainAddress(
        project=PROJECT,
        pubsub=at["pubsub"],
        firestore=at["firestore"],
        bigquery=f"http://{at['bigquery']}",
        bigquery_storage=at["bigquery-storage"],
        feature_store=at["feature-store"],
        functions={name: f"http://{at[name]}" for name in called},
        driver=driver,
        emulators=parts is PartsKind.EMULATORS,
        topics=topic_paths(PROJECT),
        dataset=DATASET,
        feature_view=feature_view_path(PROJECT, REGION),
        otlp=f"http://{at['otlp']}" if trace else None,
    )


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """A plan of faults, and the folder from which the stand-ins read it once it runs."""

    plan: Plan
    folder: Path


def all_parts(
    kind: PartsKind,
    ports: Mapping[str, int],
    chain: ChainAddress,
    data: Path | None = None,
    faults: Misbehaviour | None = None,
) -> list[Part]:
    """The parts in the order in which they start: those that take longest to be ready first.

    The stand-ins keep their data in the folder `data`, if there is one. Raises EmulatorMissing for emulators
    that are not installed.
    """
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": _python_path()}
    commands = _services(kind, ports)
    if data is not None:
        commands = {name: [*command, f"--data={data / name}"] for name, command in commands.items()}
    if faults is not None:
        emulators = EMULATORS if kind is PartsKind.EMULATORS else ()
        commands = {
            name: command if name in emulators else [*command, f"--faults={faults.folder}"]
            for name, command in commands.items()
        }
    services = [Part(name, command, environment) for name, command in commands.items()]
    if chain.otlp is not None:
        services.append(Part("otlp", _module("standins.otlp", f"--port={ports['otlp']}"), environment))
    inherited = {name: value for name, value in environment.items() if name not in _NOT_PASSED_ON}
    settings = inherited | _function_settings(chain)
    return services + [
        _with_clocks(
            _pulling(name, settings) if name in chain.pulled else _pushed_to(name, ports[name], settings),
            faults,
        )
        for name in FUNCTIONS
    ]


PULLED_SETTINGS = {
    "BATCH_MAX_EVENTS": str(PULLED.max_items),
    "BATCH_LINGER_MS": str(1e3 * PULLED.linger_seconds),
}
"""Of a stage that pulls, as it is deployed."""


def _pulling(name: str, settings: Mapping[str, str]) -> Part:
    """It logs that it pulls at INFO, by which the chain knows that it is ready."""
    quiet = settings.get("LOG_LEVEL") in ("WARNING", "ERROR")
    own = {"SUBSCRIPTION": subscription_name(PUSHED[name], name)} | ({"LOG_LEVEL": "INFO"} if quiet else {})
    return Part(
        name, [sys.executable, "-m", "functions.pulling", name], {**PULLED_SETTINGS, **settings, **own}
    )


def _with_clocks(part: Part, faults: Misbehaviour | None) -> Part:
    """With clocks in the plan a function has an instance for each; one that pulls has the first."""
    clocks = faults.plan.clocks.get(part.name) if faults else None  # type: ignore[call-overload]
    if faults is None or not clocks:
        return part
    program, _, *module = part.command
    offsets = ",".join(map(str, clocks))
    return replace(
        part,
        command=[program, "-m", "tools.local.skewed", str(faults.folder), offsets, *module],
        environment={**part.environment, "WORKERS": str(len(clocks))},
    )


def _services(kind: PartsKind, ports: Mapping[str, int]) -> dict[str, list[str]]:
    return {
        "bigquery": _module(
            "standins.bigquery",
            f"--rest-port={ports['bigquery']}",
            f"--grpc-port={ports['bigquery-storage']}",
        ),
        "pubsub": _replaceable(kind, "pubsub", ports),
        "firestore": _replaceable(kind, "firestore", ports),
        "feature-store": _module("standins.feature_store", f"--port={ports['feature-store']}"),
    }


def _replaceable(kind: PartsKind, name: str, ports: Mapping[str, int]) -> list[str]:
    if kind is PartsKind.EMULATORS:
        return EMULATORS[name](ports[name]).arguments
    return _module(f"standins.{name}", f"--port={ports[name]}")


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"tools.{name}", *arguments]


def _pushed_to(name: str, port: int, settings: Mapping[str, str]) -> Part:
    source = ROOT / "functions" / name / "main.py"
    command = [
        sys.executable,
        "-m",
        "functions_framework",
        f"--source={source}",
        f"--target={name}",
        f"--host={HOST}",
        f"--port={port}",
    ]
    return Part(name, command, settings)


def _function_settings(chain: ChainAddress) -> dict[str, str]:
    """The chain's names win over the user's environment; every other setting is the user's."""
    return {
        "PROJECT_ID": chain.project,
        "DATASET": chain.dataset,
        "FEATURE_VIEW": chain.feature_view,
        "PARSED_TOPIC": PARSED_TOPIC,
        "DEAD_LETTER_TOPIC": DEAD_LETTER_TOPIC,
        **chain.emulator_variables(),
        **trace_settings(chain),
    }


def trace_settings(chain: ChainAddress) -> dict[str, str]:
    """OpenTelemetry's variables, for spans that are visible a moment later; none without --trace."""
    if chain.otlp is None:
        return {}
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": chain.otlp, "OTEL_BSP_SCHEDULE_DELAY": "200"}


def _python_path() -> str:
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
