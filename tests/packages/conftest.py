"""Each function as it is deployed: its zip unpacked, a clean environment with its requirements only."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.polling import until
from tools.local.chain import Chain, ChainOptions
from tools.local.ports import HOST, allot
from tools.local.readiness import answers
from tools.pipeline.warehouse import Warehouse

DEPLOYED_PYTHON = os.environ.get("DEPLOYED_PYTHON", sys.executable)
"""The version that the functions run on where nox found it, else the tests' own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A function's answer."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Served:
    """A function that runs from its package."""

    url: str

    def post(self, body: bytes) -> Answer:
        request = urllib.request.Request(self.url, data=body, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, response.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode())


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


def unpacked(package: Path, folder: Path) -> Path:
    code = folder / "code"
    with ZipFile(package) as archive:
        archive.extractall(code)
    return code


def start(
    name: str, code: Path, python: Path, settings: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], Served]:
    """The function as Cloud Run functions starts it: by the framework, from the root main.py."""
    port = allot(0)[name]
    process = subprocess.Popen(
        [str(python), "-m", "functions_framework", f"--target={name}", f"--host={HOST}", f"--port={port}"],
        cwd=code,
        env={"PATH": os.defpath, "HOME": str(code), **settings},
        start_new_session=True,
    )
    return process, Served(f"http://{HOST}:{port}")


def wait_until_served(process: subprocess.Popen[bytes], served: Served) -> None:
    def serves() -> bool:
        assert process.poll() is None, f"it ended with exit code {process.returncode} instead of serving"
        return answers(served.url)

    until(serves, "the function to answer")


def push(event: object) -> bytes:
    """An event as Pub/Sub pushes it."""
    message = {"data": b64encode(json.dumps(event).encode()).decode(), "messageId": "1"}
    return json.dumps({"message": message, "subscription": "projects/cqc-local/subscriptions/s"}).encode()
