"""The two backends of a conformance test: our stand-in and Google's emulator, one process each."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from tests.support.fresh_python import python_running
from tools.local.emulators import EMULATORS, EmulatorMissing, Launch
from tools.local.readiness import accepts
from tools.paths import ROOT

START_SECONDS = 60
"""The emulators take about 4 s each on an idle machine."""


class Kind(StrEnum):
    STAND_IN = "stand-in"
    EMULATOR = "emulator"


@dataclass(frozen=True, slots=True)
class Backend:
    """Where the service listens (host:port), and which backend it is."""

    kind: Kind
    address: str


@contextmanager
def running(service: str, kind: Kind, log: Path) -> Iterator[Backend]:
    """The service (pubsub or firestore) until the block ends; skips if the emulator is not installed."""
    port = _free_port()
    process = _start(_launch(service, kind, port), log)
    try:
        _wait_until_listening(process, port, log)
        yield Backend(kind, f"127.0.0.1:{port}")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def killed_at_the_end(
    name: str, port: int, *arguments: str
) -> AbstractContextManager["subprocess.Popen[str]"]:
    """A stand-in as people start it, until SIGKILL at the end of the block."""
    module, environment = f"tools.standins.{name}", os.environ | {"PYTHONPATH": str(ROOT)}
    return python_running("-m", module, "--port", str(port), *arguments, environment=environment)


@contextmanager
def keeping(name: str, data: Path) -> Iterator[Backend]:
    """The same with its data in a file."""
    with killed_at_the_end(name, 0, "--data", str(data)) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=START_SECONDS)
        yield Backend(Kind.STAND_IN, line.split()[-1])


def _launch(service: str, kind: Kind, port: int) -> Launch:
    if kind is Kind.STAND_IN:
        module = f"tools.standins.{service}"
        return Launch([sys.executable, "-m", module, f"--port={port}"], dict(os.environ))
    try:
        return EMULATORS[service](port)
    except EmulatorMissing as missing:
        pytest.skip(str(missing))


def _start(launch: Launch, log: Path) -> subprocess.Popen[bytes]:
    # Tethered, so that it ends even if the session is killed.
    tether = [sys.executable, "-I", "-S", str(ROOT / "tools" / "local" / "tether.py"), str(os.getpid())]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*tether, *launch.arguments],
            env=launch.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not accepts(port):
        if time.monotonic() > end or process.poll() is not None:
            text = log.read_text(errors="replace")
            pytest.fail(f"{process.args!r} is not listening on {port}; its log:\n{text}")
        time.sleep(0.05)  # polls a process that is starting


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
