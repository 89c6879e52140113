"""The chain, started once for all tests that only use it: on the stand-ins and on Google's emulators."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.support.command_line import Invoke, invoking
from tests.support.up import run_cqc
from tools.demo.reconciliation import Ledger, drain
from tools.local.chain import Chain, ChainOptions
from tools.local.emulators import EmulatorMissing
from tools.local.parts import PartsKind
from tools.paths import ROOT
from tools.pipeline.address import Driver
from tools.pipeline.connect import connect_warehouse
from tools.pipeline.warehouse import Warehouse
from tools.sampling.mix import Recipe, sample


@dataclass(frozen=True, slots=True)
class Setup:
    """A kind of chain."""

    parts: PartsKind
    driver: Driver = Driver.PUSH

    @property
    def is_quick(self) -> bool:
        return self.parts is PartsKind.STAND_IN

    def __str__(self) -> str:
        return self.parts if self.driver is Driver.PUSH else f"{self.parts}-{self.driver}"


STAND_IN = Setup(PartsKind.STAND_IN)
PUSHED = [Setup(parts) for parts in PartsKind]
PULLED = [Setup(parts, Driver.PULL) for parts in PartsKind]
LINES = {PartsKind.STAND_IN: 1_500, PartsKind.EMULATORS: 250}
"""Google's Pub/Sub emulator pushes one message at a time: 55 a second through features, measured."""


@dataclass(frozen=True, slots=True)
class Run:
    """A chain through which a sample has gone."""

    chain: Chain
    warehouse: Warehouse
    recipe: Recipe
    lines: list[bytes]
    ledger: Ledger


def command(chain: Chain, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return run_cqc(ROOT, *arguments, "--chain", str(chain.file), stdin=stdin)


@pytest.fixture
def invoke(run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoke]:
    """Runs a `cqc` command on the chain in this process, once the sample is through."""
    monkeypatch.setenv("CQC_CHAIN", str(run.chain.file))
    with invoking(capsys, monkeypatch) as invoke:
        yield invoke


@pytest.fixture(scope="session", params=PUSHED, ids=str)
def chain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    setup: Setup = request.param
    folder = tmp_path_factory.mktemp(f"chain-{setup}")
    options = ChainOptions(parts=setup.parts, driver=setup.driver, port_base=0, state=folder)
    with ExitStack() as running:
        try:
            started = running.enter_context(Chain(options))
        except EmulatorMissing as error:
            pytest.skip(str(error))
        yield started


@pytest.fixture(scope="session")
def run(chain: Chain) -> Run:
    """A sample published with the command line, and flushed until everything is accounted for."""
    recipe = Recipe(LINES[chain.options.parts], locations=20, bad=0.12, late=0.04, duplicates=0.1)
    lines = sample(recipe, seed=11, now=datetime.now(UTC))
    published = command(chain, "publish", "-", "--json", stdin=b"\n".join(lines))
    assert json.loads(published.stdout)["published"] == len(lines)
    warehouse = connect_warehouse(chain.address)
    return Run(chain, warehouse, recipe, lines, drain(chain, warehouse, lines))
