"""Documents in memory, as hostile as the database may be (tests/support/faults.py), with partial pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.windows.documents import (
    NEW,
    Committed,
    Conflict,
    Document,
    Fields,
    Reading,
    Refused,
    Write,
)
from tests.support.faults import Faults

MAX_BYTES = 1_048_576
"""Firestore's limit of a document, by its own reckoning about."""


@dataclass
class Database:
    """What is durable; `now` gives the database's time in microseconds."""

    now: Callable[[], int]
    documents: dict[str, Document] = field(default_factory=dict)
    last: int = 0
    """No two calls have one time: a commit is later than all that was read before it."""
    max_bytes: int = MAX_BYTES
    refuses: Callable[[Write], bool] = lambda _: False
    """What it can never take, besides a document that is too large."""
    read_documents: int = 0
    written_documents: int = 0

    def time(self) -> int:
        self.last = max(self.now(), self.last + 1)
        return self.last

    def read(self, names: Sequence[str]) -> Reading:
        self.read_documents += len(names)
        found = {name: self.documents[name] for name in names if name in self.documents}
        return Reading(found, self.time())

    def commit(self, writes: Sequence[Write]) -> Committed:
        assert len({write.name for write in writes}) == len(writes), (
            "Firestore takes a document once a commit"
        )
        for write in writes:
            if size_of(write) > self.max_bytes or self.refuses(write):
                raise Refused(f"{write.name} has {size_of(write)} bytes")
        for write in writes:
            stored = self.documents.get(write.name)
            version = NEW if stored is None else stored.version
            if write.version is not None and write.version != version:
                raise Conflict(write.name)
        at = self.time()
        self.written_documents += len(writes)
        return Committed(at, [self._put(write, at) for write in writes])

    def _put(self, write: Write, at: int) -> int:
        stored = self.documents.get(write.name)
        if stored is None or stored.fields != write.fields:
            created = at if stored is None else stored.created_at
            self.documents[write.name] = Document(write.name, dict(write.fields), created, at)
        return self.documents[write.name].version

    def behind(self, collection: str, after: str, limit: int) -> list[Document]:
        prefix = f"{collection}/"
        names = sorted(name for name in self.documents if name.startswith(prefix) and name > prefix + after)
        self.read_documents += len(names[:limit])
        return [self.documents[name] for name in names[:limit]]


def size_of(write: Write) -> int:
    """About as Firestore reckons it: names and texts in UTF-8, numbers and times 8 bytes."""
    fields: Fields = write.fields
    return len(write.name.encode()) + sum(
        len(name)
        + (len(value.encode()) if isinstance(value, str) else len(value) if isinstance(value, bytes) else 8)
        for name, value in fields.items()
    )


class MemoryDocuments:
    """shared.windows.documents.Documents over a Database."""

    def __init__(self, database: Database, faults: Faults | None = None) -> None:
        self.database = database
        self.faults = faults or Faults()

    async def read(self, names: Sequence[str]) -> Reading:
        return await self.faults.around(lambda: self.database.read(names))

    async def list(self, collection: str, after: str, limit: int) -> Sequence[Document]:
        found = await self.faults.around(lambda: self.database.behind(collection, after, limit))
        if self.faults.partial_pages and len(found) > 1:
            return found[: self.faults.random.randint(1, len(found))]
        return found

    async def commit(self, writes: Sequence[Write]) -> Committed:
        return await self.faults.around(lambda: self.database.commit(writes))
