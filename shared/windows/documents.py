"""The document database as the windows need it: three calls, plain values, and what may go wrong.

shared/gcp/firestore.py is the real one. Times are microseconds since the epoch on the database's own clock:
no decision here rests on another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Field = bytes | str | int
"""A field of a document; `expire_at` is a time in microseconds, from when on the database may delete it."""
Fields = Mapping[str, Field]

EXPIRY = "expire_at"


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document; `name` is its collection and id, such as window_log/0001-ab."""

    name: str
    fields: Fields
    created_at: int
    version: int
    """Opaque; differs after every write that changes something."""

    @property
    def id(self) -> str:
        return self.name.rsplit("/", 1)[1]


class Unreadable(Exception):
    """A document is not what this release writes: damaged, or of a newer one. Its text says in what."""


def check_format(fields: Fields, known: int) -> None:
    """Raises Unreadable for a document of another format than this release's."""
    if fields.get("format") != known:
        raise Unreadable(f"its format is {fields.get('format')!r}, this release reads {known}")


def whole(fields: Fields, name: str) -> int:
    """A whole number among the fields; raises Unreadable."""
    value = fields.get(name)
    if not isinstance(value, int):
        raise Unreadable(f"{name} is {value!r}, a whole number was expected")
    return value


def text(fields: Fields, name: str) -> str:
    """A text among the fields; raises Unreadable."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise Unreadable(f"{name} is {type(value).__name__}, a text was expected")
    return value


def binary(fields: Fields, name: str) -> bytes:
    """Bytes among the fields; raises Unreadable."""
    value = fields.get(name)
    if not isinstance(value, bytes):
        raise Unreadable(f"{name} is {type(value).__name__}, bytes were expected")
    return value


@dataclass(frozen=True, slots=True)
class Reading:
    """The documents of a read that exist, by name, and the time at which they were so."""

    documents: Mapping[str, Document]
    at: int

    def version(self, name: str) -> int:
        """Of this document, or NEW where there is none: what a write that goes by this reading replaces."""
        return self.documents[name].version if name in self.documents else NEW


@dataclass(frozen=True, slots=True)
class Write:
    """A document to be written whole.

    `version` is that of the document it replaces; NEW for one that must not exist; None for either.
    """

    name: str
    fields: Fields
    version: int | None = None


NEW = 0


@dataclass(frozen=True, slots=True)
class Committed:
    """When a commit was applied, and the versions of its documents in order."""

    at: int
    versions: Sequence[int]


class Conflict(Exception):
    """A document was not in the version that a write asked for: nothing of the commit was applied."""


class Refused(Exception):
    """The database can never take the commit as it is, for example for a document's size."""


class Documents(Protocol):
    """Every call may raise Retry: whether a commit was applied is unknown then."""

    async def read(self, names: Sequence[str]) -> Reading:
        """These documents, all as of one moment; those that do not exist are left out."""

    async def list(self, collection: str, after: str, limit: int) -> Sequence[Document]:
        """The next documents of a collection behind the id `after`, in the order of their ids.

        It may be fewer than `limit` although more follow; none means that none follow.
        """

    async def commit(self, writes: Sequence[Write]) -> Committed:
        """All of them or none; raises Conflict and Refused."""
