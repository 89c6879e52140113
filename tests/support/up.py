"""`cqc up` as people start it, in a folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.polling import PATIENCE, until
from tools.paths import ROOT
from tools.pipeline.address import ChainFile, read


@dataclass
class Up:
    """A `cqc up` that has written its files."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def described(self) -> Path:
        return self.folder / "described.json"

    @property
    def chain_file(self) -> Path:
        return self.folder / ".cqc" / "chain.json"

    @property
    def chain(self) -> ChainFile:
        return read(self.chain_file)

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return (self.folder / "output").read_text()

    def until_it_says(self, text: str) -> None:
        until(lambda: self.said, f"cqc up to say {text!r}", lambda said: text in said)

    def parts(self) -> dict[str, int]:
        """Command line to process id of the processes it started."""
        listing = subprocess.run(
            ["ps", "-axwwo", "pid=,ppid=,command="], capture_output=True, check=True, text=True
        )
        lines = (line.split(maxsplit=2) for line in listing.stdout.splitlines())
        return {command: int(pid) for pid, parent, command in lines if int(parent) == self.process.pid}

    def cqc(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Another command in the same folder."""
        return run_cqc(self.folder, *arguments, stdin=stdin)

    def stop(self) -> tuple[int, str]:
        """Exit code and stderr after Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> tuple[int, str]:
        """Exit code and stderr after it has ended."""
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors.decode()


def run_cqc(folder: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "tools", *arguments],
        cwd=folder,
        env=_environment(),
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


@contextmanager
def running_up(folder: Path, *options: str) -> Iterator[Up]:
    """Ready: the file of --json exists; or ended, when it could not start."""
    arguments = ("up", "--port-base", "0", "--json", "described.json", *options)
    with (folder / "output").open("ab") as output, as_in_a_terminal():
        process = subprocess.Popen(
            [sys.executable, "-m", "tools", *arguments],
            cwd=folder,
            env=_environment(),
            stdout=output,
            stderr=subprocess.PIPE,
        )
    started = Up(process, folder)
    try:
        until(lambda: started.described.exists() or process.poll() is not None, "cqc up to start, or to end")
        yield started
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _environment() -> dict[str, str]:
    """A machine whose way to the internet is a proxy, which knows nothing of the chain on loopback."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:1")
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CQC_") and name.lower() not in {"all_proxy", "no_proxy", *proxies}
    }
    return inherited | proxies | {"PYTHONPATH": str(ROOT)}


@contextmanager
def as_in_a_terminal() -> Iterator[None]:
    """What starts here ends with its terminal, also where the tests run under nohup, which is inherited."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
