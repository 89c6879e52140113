"""Commands without a chain: the file of a chain that does not answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import Invoke, invoking
from tools.local.parts import address as address_on
from tools.local.ports import ORDER
from tools.pipeline import address


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoke]:
    """Runs `cqc` in this process."""
    for name in ("CHAIN", "PROJECT", "REGION", "DATASET"):
        monkeypatch.delenv(f"CQC_{name}", raising=False)
    # Outside Google Cloud the search for a metadata server would take seconds.
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("GCE_METADATA_TIMEOUT", "0.1")
    with invoking(capsys, monkeypatch) as run:
        yield run


@pytest.fixture
def dead_chain(tmp_path: Path) -> str:
    """A chain's file whose ports are closed."""
    path = tmp_path / "dead-chain.json"
    address.write(path, address_on({name: 1 + number for number, name in enumerate(ORDER)}))
    return str(path)
