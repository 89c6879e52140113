"""What a chain that got SIGKILL left behind is ended, and nothing else."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.unit.tools.test_local_parts import PORTS
from tools.local.leftovers import end_leftovers
from tools.local.parts import address
from tools.local.process import OWNER
from tools.local.signals import stop_on_signals
from tools.pipeline.address import ChainFile, write

GONE = 4194305999
"""Above any process id."""
Start = Callable[[int], subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process in a group of its own, as if that `cqc up` had done it."""
    with ExitStack() as started:

        def begin(owner: int) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-c", "import time; time.sleep(600)"],
                env={**os.environ, OWNER: str(owner)},
                start_new_session=True,
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield begin


def ended(folder: Path, owner: int, **parts: int) -> list[str]:
    said: list[str] = []
    file = folder / "chain.json"
    write(file, ChainFile(**address(PORTS).model_dump(), pid=owner, parts=parts))
    end_leftovers(file, said.append)
    return said


def test_a_paused_part_of_a_chain_that_is_gone_is_ended(tmp_path: Path, start: Start) -> None:
    left = start(GONE)
    left.send_signal(signal.SIGSTOP)
    reaper = threading.Thread(target=left.wait)  # as init does for a process whose parent has ended
    reaper.start()
    assert ended(tmp_path, GONE, parse=left.pid, features=GONE + 1) == [
        f"ended what process {GONE}, an earlier `cqc up`, had left behind: parse"
    ]
    reaper.join()
    assert left.returncode == -signal.SIGKILL


def test_a_process_of_another_chain_or_program_is_left_alone(tmp_path: Path, start: Start) -> None:
    stranger, living = start(GONE - 1), start(os.getpid())
    assert ended(tmp_path, GONE, parse=stranger.pid) == []
    assert ended(tmp_path, os.getpid(), parse=living.pid) == []
    assert (stranger.poll(), living.poll()) == (None, None)


def test_without_a_chains_file_there_is_nothing_to_end(tmp_path: Path) -> None:
    said: list[str] = []
    end_leftovers(tmp_path / "chain.json", said.append)
    (tmp_path / "chain.json").write_text("{}")
    end_leftovers(tmp_path / "chain.json", said.append)
    assert said == []


def test_a_closed_terminal_interrupts_unless_nohup_has_it_ignored() -> None:
    before = signal.getsignal(signal.SIGHUP)
    try:
        signal.signal(signal.SIGHUP, lambda *_: None)  # the default would end the tests
        with pytest.raises(KeyboardInterrupt), stop_on_signals():
            signal.raise_signal(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with stop_on_signals():
            signal.raise_signal(signal.SIGHUP)
    except KeyboardInterrupt:
        pytest.fail("nohup did not help")
    finally:
        signal.signal(signal.SIGHUP, before)
