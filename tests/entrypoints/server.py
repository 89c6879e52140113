"""One function's server: gunicorn's master with its worker."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.local.ports import HOST
from tools.local.readiness import answers

BOUND = 40.0
"""Seconds until a server has answered, on a busy machine."""
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Server:
    """gunicorn's master and where its worker serves the function `name`."""

    name: str
    master: int
    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def workers(self) -> list[int]:
        """Process ids; one, by default."""
        children = Path(f"/proc/{self.master}/task/{self.master}/children")
        return [int(pid) for pid in children.read_text().split()]

    def serves(self) -> bool:
        return answers(self.url)

    def post(self, body: bytes, headers: Mapping[str, str] = JSON, query: str = "") -> Answer:
        """Sends a request as Pub/Sub does."""
        return self._ask(urllib.request.Request(f"{self.url}/{query}", body, JSON | dict(headers)))

    def get(self) -> Answer:
        return self._ask(urllib.request.Request(self.url))

    @staticmethod
    def _ask(request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=BOUND) as response:
                return Answer(response.status, response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode())


def peak_memory(pid: int) -> int:
    """Bytes, of the process's whole life."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024
