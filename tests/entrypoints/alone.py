"""One function as it is deployed, from its package, with none of the services that it writes to."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from tests.entrypoints.servers import until
from tools.generate.package import build
from tools.local.ports import HOST, allot


@dataclass(frozen=True, slots=True)
class Alone:
    """gunicorn's master and where its worker serves."""

    master: int
    port: int

    @property
    def workers(self) -> list[int]:
        """Process ids; one, by default."""
        children = Path(f"/proc/{self.master}/task/{self.master}/children")
        return [int(pid) for pid in children.read_text().split()]

    def serves(self) -> bool:
        try:
            urllib.request.urlopen(f"http://{HOST}:{self.port}/robots.txt", timeout=5).close()
        except urllib.error.HTTPError:
            return True  # the framework's own 404
        except OSError:
            return False
        return True


@contextmanager
def deployed(name: str, folder: Path, **environment: str) -> Iterator[Alone]:
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
        alone = Alone(process.pid, port)
        until(alone.serves, f"{name} to serve")
        yield alone
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
