"""A pause for some seconds never outlives the command that made it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.up import as_in_a_terminal
from tests.unit.tools.test_local_parts import PORTS
from tools.local.parts import address
from tools.paths import ROOT
from tools.pipeline.address import ChainFile, write
from tools.pipeline.processes import Condition, conditions


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[ChainFile]:
    """Of one part, which sleeps; its file is chain.json."""
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(sleep, start_new_session=True) as part:
        made = ChainFile(**address(PORTS).model_dump(), pid=os.getpid(), parts={"parse": part.pid})
        write(tmp_path / "chain.json", made)
        yield made
        part.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_a_pause_has_the_part_go_on(
    chain: ChainFile, tmp_path: Path, number: signal.Signals
) -> None:
    pause = ["pause", "parse", "--for", "600", "--chain", str(tmp_path / "chain.json")]
    with as_in_a_terminal():
        started = subprocess.Popen(
            [sys.executable, "-u", "-m", "tools", *pause],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    with started as command:
        assert command.stdout is not None
        assert "is paused for 600 s" in command.stdout.readline()
        assert conditions(chain)["parse"] is Condition.PAUSED
        command.send_signal(number)
        _, errors = command.communicate(timeout=30)
    assert (command.returncode, errors) == (2, "cqc: interrupted: parse goes on\n")
    assert conditions(chain)["parse"] is Condition.RUNNING
