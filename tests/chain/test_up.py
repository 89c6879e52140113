"""How `cqc up` ends: whatever happens, it leaves no process behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.local.ports import HOST
from tools.paths import ROOT
from tools.pipeline.address import ChainFile, read

PATIENCE = 60.0


@dataclass
class Up:
    """A `cqc up` in an empty folder."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def described(self) -> Path:
        return self.folder / "described.json"

    @property
    def chain_file(self) -> Path:
        return self.folder / ".cqc" / "chain.json"

    def parts(self) -> dict[str, int]:
        """Command line to process id of the processes it started."""
        listing = subprocess.run(
            ["ps", "-axwwo", "pid=,ppid=,command="], capture_output=True, check=True, text=True
        )
        lines = (line.split(maxsplit=2) for line in listing.stdout.splitlines())
        return {command: int(pid) for pid, parent, command in lines if int(parent) == self.process.pid}

    def end(self) -> tuple[int, str]:
        """Exit code and stderr after it has ended."""
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors.decode()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """Ready: the file of --json exists."""
    arguments = ("up", "--port-base", "0", "--json", "described.json", "--flush-every", "0.5")
    process = subprocess.Popen(
        [sys.executable, "-m", "tools", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    started = Up(process, tmp_path)
    until(lambda: started.described.exists() or process.poll() is not None)
    yield started
    process.terminate()
    process.communicate(timeout=PATIENCE)


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)  # polls a process


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def listens(endpoint: str) -> bool:
    try:
        socket.create_connection((HOST, int(endpoint.rsplit(":", 1)[1])), timeout=1).close()
    except OSError:
        return False
    return True


def endpoints(chain: ChainFile) -> list[str]:
    services = (chain.pubsub, chain.firestore, chain.bigquery, chain.bigquery_storage, chain.feature_store)
    return [*services, *chain.functions.values()]


def test_sigterm_ends_every_process_and_removes_the_files(up: Up) -> None:
    chain, parts = read(up.chain_file), up.parts()
    assert json.loads(up.described.read_text()) == chain.model_dump(exclude={"pid"}, exclude_none=True)
    assert len(parts) == 8
    assert all(map(listens, endpoints(chain)))

    up.process.send_signal(signal.SIGTERM)

    assert up.end() == (0, "")
    assert not any(map(is_running, parts.values()))
    assert not any(map(listens, endpoints(chain)))
    assert not up.described.exists()
    assert not up.chain_file.exists()


def test_a_part_that_dies_is_named_with_its_log_and_the_rest_is_stopped(up: Up) -> None:
    parts = up.parts()
    firestore = next(pid for command, pid in parts.items() if "standins.firestore" in command)

    os.kill(firestore, signal.SIGKILL)

    code, errors = up.end()
    assert code == 2, errors
    assert "firestore was ended by SIGKILL" in errors
    assert "listening on" in errors, "the end of its log"
    assert "Traceback" not in errors
    assert not any(map(is_running, parts.values()))
    assert not up.chain_file.exists()


def test_a_second_chain_in_the_folder_is_refused_and_the_first_runs_on(up: Up) -> None:
    before, arguments = up.chain_file.read_bytes(), ("--port-base", "0", "--json", up.described.name)
    second = subprocess.run(
        [sys.executable, "-m", "tools", "up", *arguments],
        cwd=up.folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert second.returncode == 2
    assert f"process {up.process.pid} already runs a chain".encode() in second.stderr
    assert up.chain_file.read_bytes() == before
    assert up.described.exists()
    assert all(map(listens, endpoints(read(up.chain_file))))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a process when its parent dies")
def test_no_part_outlives_a_chain_that_gets_sigkill(up: Up) -> None:
    parts = up.parts()
    up.process.kill()
    until(lambda: not any(map(is_running, parts.values())))


def test_a_taken_port_is_reported_with_its_part(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        answer = subprocess.run(
            [sys.executable, "-m", "tools", "up", "--port-base", str(port - 5)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    assert answer.returncode == 2
    assert f"port {port}, wanted by parse,".encode() in answer.stderr
    assert [path.name for path in tmp_path.rglob("*")] == [".cqc", "lock"]


def test_a_setting_that_a_function_refuses_is_reported(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "tools", "up", "--port-base", "0"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "FEATURE_TIMEZONE": "Europe/Atlantis"},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert answer.returncode == 2
    assert b"features ended with exit code" in answer.stderr
    assert b"FEATURE_TIMEZONE" in answer.stderr
