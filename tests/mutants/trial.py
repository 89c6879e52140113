"""One breakage on trial: in its own copy of the tree, against its own tests."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.catalog import Mutant
from tests.support.polling import PATIENCE
from tools.paths import ROOT

TEST_SECONDS = PATIENCE + 30
"""For one test: it may wait in vain, and then fails by itself and says for what."""
RUN_SECONDS = 180
"""For a mutant's whole run, should the limit of the test not end it."""
TERRAFORM_SECONDS = 900

_FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", re.MULTILINE)
_OPTIONS = (
    *("-q", "-m", "", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS:.0f}"),
    "--hypothesis-profile=unshrunk",  # that an example fails is enough; the smallest takes minutes
)
_TIMEOUT = "from pytest-timeout"
_running: set[subprocess.Popen[str]] = set()


class Verdict(StrEnum):
    """What became of a breakage; only the first is right."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    HUNG = "HUNG"
    """A test ran into its time limit instead of failing: nobody would see why."""
    BROKEN = "BROKEN"
    """No test ran: what was planted does not even import, or a test's name is wrong."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A run of pytest; `code` is None when it had to be ended."""

    code: int | None
    output: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """`detail` is the test that failed first, or what pytest said at last."""

    mutant: Mutant
    verdict: Verdict
    detail: str
    seconds: float


@contextmanager
def scratch_copy() -> Iterator[Path]:
    """A copy of the work tree, with what is not committed and without what is ignored; links stay links."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    with TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder, "unbroken")
        for name in filter(None, names):
            if (ROOT / name).is_file():  # not deleted since
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
        subprocess.run(["git", "init", "--quiet", str(tree)], check=True)  # some tools look for a root
        yield tree


def run_tests(tree: Path, tests: Iterable[str], *options: str, seconds: float) -> Ran:
    """Runs these tests in the tree, with the tree's modules before those that are installed."""
    command = [sys.executable, "-m", "pytest", *_OPTIONS, *options, *tests]
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    _running.add(process)
    try:
        output, _ = process.communicate(timeout=seconds)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        _kill(process)
        output, _ = process.communicate()
        code = None
    finally:
        _kill(process)  # what its tests started and a timeout left behind
        _running.discard(process)
    return Ran(code, output, time.monotonic() - began)


def stop_all() -> None:
    """Ends the runs under way."""
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def try_out(mutant: Mutant, unbroken: Path) -> Result:
    """Plants the breakage in a copy of `unbroken`, beside it, and runs its tests until one fails."""
    with TemporaryDirectory(dir=unbroken.parent) as folder:
        tree = Path(folder, "tree")
        shutil.copytree(unbroken, tree, symlinks=True)
        target = tree / mutant.file
        target.write_text(mutant.planted_in(target.read_text(encoding="utf-8")), encoding="utf-8")
        # Bytecode is found stale by its file's time, in whole seconds, and its size.
        later = time.time() + 3600
        os.utime(target, (later, later))
        limit = TERRAFORM_SECONDS if mutant.needs_terraform else RUN_SECONDS
        ran = run_tests(tree, mutant.tests, "-x", seconds=limit)
    return Result(mutant, *judge(ran.code, ran.output), ran.seconds)


def judge(code: int | None, output: str) -> tuple[Verdict, str]:
    """From pytest's exit code and output: the verdict and its detail."""
    lines: Sequence[str] = output.strip().splitlines() or [""]
    if code is None:
        return Verdict.HUNG, lines[-1]
    if code == 0:
        return Verdict.SURVIVED, lines[-1]
    failed = _FAILED.search(output)
    if code != 1 or failed is None:
        return Verdict.BROKEN, lines[-1]
    # Not from the line of the test: pytest cuts it to the terminal's width.
    return (Verdict.HUNG if _TIMEOUT in output else Verdict.KILLED), failed[1]
