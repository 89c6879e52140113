"""One function as it is deployed, from its package, with none of the services that it writes to."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import ZipFile

from tests.entrypoints.server import Server
from tests.support.polling import until
from tools.generate.package import build
from tools.local.ports import HOST, allot


def unpacked(name: str, folder: Path) -> Path:
    """The folder with the content of the function's package."""
    with ZipFile(build(name, folder)) as archive:
        archive.extractall(folder / "code")
    return folder / "code"


@contextmanager
def deployed(name: str, folder: Path, **environment: str) -> Iterator[Server]:
    """The function while it serves; `environment` is added to this process's own."""
    with serving(name, unpacked(name, folder), os.environ | {"PROJECT_ID": "p", **environment}) as server:
        yield server


@contextmanager
def serving(
    name: str, code: Path, environment: Mapping[str, str], python: str | Path = sys.executable
) -> Iterator[Server]:
    """The function as Cloud Run functions starts it: by the framework, from the root main.py."""
    port = allot(0)[name]
    process = subprocess.Popen(
        [python, "-m", "functions_framework", f"--target={name}", f"--host={HOST}", f"--port={port}"],
        cwd=code,
        env=environment,
        start_new_session=True,
    )
    server = Server(name, process.pid, port)

    def serves() -> bool:
        assert process.poll() is None, f"{name} ended with exit code {process.returncode} instead of serving"
        return server.serves()

    try:
        until(serves, f"{name} to serve")
        yield server
    finally:
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
