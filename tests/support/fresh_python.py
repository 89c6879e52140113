"""Python in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tools.paths import ROOT


def printed_by(code: str, environment: Mapping[str, str]) -> list[str]:
    """The words that `code` prints, run at the repository's root; fails if it fails.

    Only in a fresh interpreter does it show what importing a module loads.
    """
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


@contextmanager
def python_running(*arguments: str, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Python with these arguments at the repository's root, until SIGKILL at the end of the block."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
