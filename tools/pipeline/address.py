"""Where the running chain is: the file that `cqc up` writes and every other command reads."""

import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.topology import PUSHED
from tools.errors import CommandError, UsageError

STATE_FOLDER = ".cqc"
CHAIN_FILE = "chain.json"
LOGS = "logs"
_FILE = Path(STATE_FOLDER, CHAIN_FILE)

_START = (
    "start one with `cqc up`, name its file with --chain FILE or CQC_CHAIN, "
    "or a deployed pipeline with --project NAME"
)


EMULATOR_VARIABLES = {
    "PUBSUB_EMULATOR_HOST": "pubsub",
    "FIRESTORE_EMULATOR_HOST": "firestore",
    "BIGQUERY_EMULATOR_HOST": "bigquery",
    "BIGQUERY_STORAGE_EMULATOR_HOST": "bigquery_storage",
    "FEATURE_STORE_EMULATOR_HOST": "feature_store",
}
"""Environment variable to the field of ChainAddress that it holds: the adapters and Google's own clients find
a local service by it, and the cloud where it is unset."""


class Driver(StrEnum):
    """How messages come to parse, features and deadletter (docs/decisions/0011)."""

    PUSH = "push"
    PULL = "pull"


DRIVERS = [driver.value for driver in Driver]
"""For argparse; the default first."""


class ChainAddress(BaseModel):
    """All that a client of the chain needs; endpoints are host:port, `bigquery` is an http URL."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    project: str
    pubsub: str
    firestore: str
    bigquery: str
    bigquery_storage: str
    feature_store: str
    functions: Mapping[str, str]
    """URLs by name: of aggregate, and with the push driver of parse, features and deadletter."""
    driver: Driver = Driver.PUSH
    emulators: bool = False
    """Whether Google's emulators serve as Pub/Sub and Firestore."""
    topics: Mapping[str, str]
    """Full names of events, parsed and dead_letter."""
    dataset: str
    feature_view: str
    otlp: str | None = None
    """The collector's http URL; None unless the chain was started with --trace."""
    logs: Path | None = Field(default=None, exclude=True)
    """The folder of the parts' logs, beside the file that the address was read from."""

    @property
    def pulled(self) -> Sequence[str]:
        """The functions that pull their messages, and have no URL."""
        return tuple(PUSHED) if self.driver is Driver.PULL else ()

    def to_json(self) -> str:
        """The file's text; fields that are None are left out."""
        return self.model_dump_json(indent=2, exclude_none=True)

    def emulator_variables(self) -> dict[str, str]:
        """EMULATOR_VARIABLES with the values that lead to this chain."""
        return {variable: getattr(self, field) for variable, field in EMULATOR_VARIABLES.items()}


class ChainFile(ChainAddress):
    """The file's content: the address, and the processes that serve it if `cqc up` wrote the file."""

    pid: int | None = None
    """Of `cqc up` itself."""
    parts: Mapping[str, int] = {}
    """Part to its process id, for those that are ready: one that is being started again is missing."""
    forgets: Mapping[str, str] = {}
    """The parts that come back without their data, each with what to say of that."""


def find(path: Path | None) -> ChainFile:
    """The address of the chain that `path` describes, or of the one running in this folder or above.

    Raises UsageError when there is none, or when it died without removing its file.
    """
    path = path or above(Path.cwd(), _FILE)
    if path is None:
        raise UsageError(f"no chain is running in {Path.cwd()}: {_START}")
    chain = read(path)
    if chain.pid is not None and not is_alive(chain.pid):
        raise UsageError(f"the chain of {path} is no longer running (process {chain.pid} is gone): {_START}")
    return chain


def running(folder: Path) -> Path | None:
    """The file of the chain that runs in this folder or above, if one does."""
    path = above(folder, _FILE)
    pid = None if path is None else read(path).pid
    return path if pid is not None and is_alive(pid) else None


def above(folder: Path, name: Path) -> Path | None:
    """The file of that name in the folder, or in the nearest above that has one."""
    candidates = (parent / name for parent in (folder, *folder.parents))
    return next((path for path in candidates if path.is_file()), None)


def read(path: Path) -> ChainFile:
    """The content of a chain's file; raises UsageError when it can't be read or holds something else."""
    try:
        content = ChainFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"the chain's file {path} can't be read ({error.strerror}): {_START}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(f"{path} does not describe a chain ({where}: {first['msg']}): {_START}") from None
    return content.model_copy(update={"logs": path.parent / LOGS})


def write(path: Path, content: ChainAddress) -> None:
    """Writes the file atomically, so that a reader never sees half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(content.to_json() + "\n")
        temporary.replace(path)
    except OSError as error:
        raise CommandError(f"{path} can't be written ({error.strerror}): name another file") from None


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's process, so it is alive
        return True
    return True
