"""One function as it is deployed, from its package, with none of the services that it writes to."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

from tests.entrypoints.server import Server
from tests.support.polling import until
from tools.generate.package import build
from tools.local.ports import HOST, allot


@contextmanager
def deployed(name: str, folder: Path, **environment: str) -> Iterator[Server]:
    """The function while it serves; `environment` is added to this process's own."""
    with ZipFile(build(name, folder)) as archive:
        archive.extractall(folder / "code")
    port = allot(0)[name]
    process = subprocess.Popen(
        [sys.executable, "-m", "functions_framework", f"--target={name}", f"--host={HOST}", f"--port={port}"],
        cwd=folder / "code",
        env=os.environ | {"PROJECT_ID": "p", **environment},
        start_new_session=True,
    )
    try:
        server = Server(name, process.pid, port)
        until(server.serves, f"{name} to serve")
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
