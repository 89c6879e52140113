"""One function's server: gunicorn's master with its worker."""

import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tools.local.ports import HOST


@dataclass(frozen=True, slots=True)
class Server:
    """gunicorn's master and where its worker serves the function `name`."""

    name: str
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


def peak_memory(pid: int) -> int:
    """Bytes, of the process's whole life."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024
