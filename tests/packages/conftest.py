"""Each function as it is deployed: its zip unpacked, a clean environment with its requirements only."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.local.chain import Chain, ChainOptions
from tools.pipeline.warehouse import Warehouse

DEPLOYED_PYTHON = os.environ.get("DEPLOYED_PYTHON", sys.executable)
"""The version that the functions run on where nox found it, else the tests' own."""


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """For its stand-ins; its own functions see only what the packages publish."""
    with Chain(ChainOptions(port_base=0, state=tmp_path_factory.mktemp("chain"))) as started:
        yield started


@pytest.fixture(scope="session")
def warehouse(chain: Chain) -> Iterator[Warehouse]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIGQUERY_EMULATOR_HOST", chain.address.bigquery)
        yield Warehouse(chain.address.project, chain.address.dataset)


def python_of(package: Path, folder: Path) -> Path:
    """The interpreter of a new environment with nothing but the package's requirements, checked by hash."""
    environment = folder / "environment"
    uv = [sys.executable, "-m", "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--python", DEPLOYED_PYTHON, str(environment)], check=True)
    python = environment / "bin" / "python"
    requirements = ["--require-hashes", "--requirement", str(package / "requirements.txt")]
    subprocess.run([*uv, "pip", "install", "--python", str(python), *requirements], check=True)
    return python
