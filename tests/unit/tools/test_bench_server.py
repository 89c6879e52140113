"""The function that the benchmark measures is a process of its own, and does not outlive it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fresh_python import python_running
from tests.support.polling import until
from tests.support.up import is_running
from tools.bench.load import as_requests
from tools.bench.server import serving
from tools.errors import CommandError
from tools.local.ports import allot
from tools.paths import ROOT

BENCH = """
import asyncio, sys
from pathlib import Path
from tools.bench.load import as_requests
from tools.bench.server import serving
from tools.paths import ROOT

async def main() -> None:
    source = ROOT / "tools" / "bench" / "noop.py"
    async with serving("noop", source, int(sys.argv[1]), {}, as_requests([b"{}"])[0]) as (server, _):
        print(server.master, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A benchmark with its function running; killed at the end of the test."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with python_running("-c", BENCH, str(allot(0)["parse"]), environment=environment) as process:
        yield process


async def test_a_function_that_does_not_start_is_reported_with_its_log(tmp_path: Path) -> None:
    source = tmp_path / "main.py"
    source.write_text("raise SystemExit('PROJECT_ID is missing')\n")
    with pytest.raises(CommandError, match=r"(?s)parse did not start\..*PROJECT_ID is missing"):
        async with serving("parse", source, allot(0)["parse"], {}, as_requests([b"{}"])[0]):
            pytest.fail("it serves")


def test_a_function_ends_when_its_benchmark_is_killed(bench: subprocess.Popen[str]) -> None:
    assert bench.stdout is not None
    line = bench.stdout.readline()
    assert line, bench.communicate()
    master = int(line)
    assert is_running(master)
    bench.kill()
    until(lambda: not is_running(master), "the function to end")
