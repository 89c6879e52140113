"""A running function, and the CPU time that its processes have used."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.bench.load import run_load
from tools.errors import CommandError
from tools.local.process import Part, Process, stop_all
from tools.paths import ROOT

START_LIMIT = 60.0
"""Seconds."""
NOT_DEPLOYED = ("fastavro", "numpy", "pandas", "pyarrow")
"""Installed here for tests and tools. BigQuery's client imports them where it finds them; a deployed function
has none of them."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running function."""

    name: str
    port: int
    master: int
    log: Path
    """What it writes to stdout and stderr, which Cloud Run makes log entries of."""

    def log_bytes(self) -> int:
        """So far."""
        return self.log.stat().st_size

    def cpu_seconds(self) -> float:
        """CPU time of the master and its worker, all threads, so far; imports run in the master."""
        return sum(_cpu_seconds(pid) for pid in (self.master, *_children(self.master)))

    def peak_rss_mb(self) -> float:
        """The most memory that the worker has had; a function that pulls is its own worker."""
        return max(_peak_rss_mb(pid) for pid in _children(self.master) or [self.master])


def _peak_rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _cpu_seconds(pid: int) -> float:
    """Exact run time from the scheduler: /proc/PID/stat counts in ticks of 10 ms only."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


@contextmanager
def _without(names: Iterable[str]) -> Iterator[Path]:
    """A folder of modules that say that they are not installed."""
    with TemporaryDirectory() as folder:
        for name in names:
            (Path(folder) / f"{name}.py").write_text("raise ModuleNotFoundError(name=__name__)\n")
        yield Path(folder)


def _start(
    name: str, command: Sequence[str], environment: Mapping[str, str], paths: Sequence[Path], log: Path
) -> Process:
    """Ends with this process, however that ends, as the parts of the local chain do."""
    if not Path("/proc/self/schedstat").exists():
        raise CommandError("the benchmark reads CPU times from Linux's /proc: run it on Linux")
    # A deployed package is compiled; without its bytecode a start takes up to three times as long.
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    settings = {**inherited, "PYTHONPATH": os.pathsep.join(map(str, paths)), **environment}
    # In the first of the paths, as python -m looks there before anywhere else.
    return Process(Part(name, command, settings, folder=paths[0]), log)


@asynccontextmanager
async def serving(
    name: str, source: Path, port: int, environment: Mapping[str, str], first: bytes, root: Path = ROOT
) -> AsyncIterator[tuple[Server, float]]:
    """The function on `port` and the CPU seconds from its start to the answer to its request `first`.

    `root` is the checkout that it imports from."""
    command = [
        *(sys.executable, "-m", "functions_framework", f"--source={source}", f"--target={name}"),
        *("--host=127.0.0.1", f"--port={port}"),
    ]

    async def answer() -> None:
        await run_load(port, iter([first]), count=1, concurrency=1)

    async with running(name, command, port, environment, answer, root) as started:
        yield started


@asynccontextmanager
async def running(
    name: str,
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str],
    answer: Callable[[], Awaitable[None]],
    root: Path,
) -> AsyncIterator[tuple[Server, float]]:
    """The process of a function, and its CPU seconds until `answer` returns; while that raises OSError it is
    tried again."""
    with _without(NOT_DEPLOYED) as hidden, TemporaryDirectory() as folder:
        process = _start(name, command, environment, [root, hidden], Path(folder) / f"{name}.log")
        try:
            server = Server(name, port, process.pid, process.log)
            await _first_answer(server, process, answer)
            yield server, server.cpu_seconds()
        finally:
            stop_all([process])


async def _first_answer(server: Server, process: Process, answer: Callable[[], Awaitable[None]]) -> None:
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            await answer()
            return
        except OSError:
            if not process.is_running() or time.monotonic() > deadline:
                raise CommandError(f"{server.name} did not start. {process.tail()}") from None
            await asyncio.sleep(0.01)
