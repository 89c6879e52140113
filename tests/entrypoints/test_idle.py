"""An instance that was without CPU between requests keeps its warm worker, as it is deployed."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

from tests.entrypoints.servers import until
from tools.generate.package import build
from tools.local.ports import HOST, allot

TIMEOUT = 1
"""Seconds; the function's request timeout as Cloud Run tells it."""
FROZEN = 3 * TIMEOUT


@contextmanager
def deployed(name: str, folder: Path) -> Iterator[tuple[int, str]]:
    """The function from its package: the pid of gunicorn's master, and a URL that the framework answers."""
    with ZipFile(build(name, folder)) as archive:
        archive.extractall(folder / "code")
    port = allot(0)[name]
    environment = os.environ | {"PROJECT_ID": "p", "CLOUD_RUN_TIMEOUT_SECONDS": str(TIMEOUT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "functions_framework", f"--target={name}", f"--host={HOST}", f"--port={port}"],
        cwd=folder / "code",
        env=environment,
        start_new_session=True,
    )
    try:
        yield process.pid, f"http://{HOST}:{port}/robots.txt"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True  # the framework's own 404
    except OSError:
        return False
    return True


def workers(master: int) -> list[str]:
    return Path(f"/proc/{master}/task/{master}/children").read_text().split()


def test_a_worker_survives_longer_without_cpu_than_a_request_may_take(tmp_path: Path) -> None:
    with deployed("parse", tmp_path) as (master, url):
        until(lambda: answers(url), "parse to serve")
        before = workers(master)
        os.killpg(master, signal.SIGSTOP)
        time.sleep(FROZEN)  # that time passes is the test
        os.killpg(master, signal.SIGCONT)
        time.sleep(2 * TIMEOUT)  # gunicorn looks for silent workers every second
        assert answers(url)
        assert workers(master) == before
