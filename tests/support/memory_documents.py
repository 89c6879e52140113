"""Documents in memory, as hostile as the database may be: partial pages, refusals, lost answers, silence.

Every call lets other tasks run before and after its effect, so that whatever may happen in between does.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from shared.errors import Retry
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

MAX_BYTES = 1_048_576
"""Firestore's limit of a document, by its own reckoning about."""


@dataclass
class Faults:
    """What goes wrong; by default nothing does. Shares are of calls, 0 to 1; delays in seconds."""

    random: Random = field(default_factory=lambda: Random(0))
    fails: float = 0.0
    """Before the effect."""
    loses_answers: float = 0.0
    """After it."""
    partial_pages: bool = True
    delay: tuple[float, float] = (0.0, 0.0)
    at_call: int | None = None
    """This call fails, and no other: its effect too, or only its answer."""
    answer_lost: bool = False
    calls: int = 0

    async def around(self, effect: Callable[[], None]) -> None:
        self.calls += 1
        await asyncio.sleep(self.random.uniform(*self.delay))
        chosen = self.calls == self.at_call
        if self.random.random() < self.fails or (chosen and not self.answer_lost):
            raise Retry("the database is away")
        effect()
        await asyncio.sleep(self.random.uniform(*self.delay))
        if self.random.random() < self.loses_answers or chosen:
            raise Retry("the database's answer is lost")


@dataclass
class Database:
    """What is durable; `now` gives the database's time in microseconds."""

    now: Callable[[], int]
    documents: dict[str, Document] = field(default_factory=dict)
    last: int = 0

    def time(self) -> int:
        return max(self.now(), self.last)

    def commit(self, writes: Sequence[Write]) -> Committed:
        for write in writes:
            stored = self.documents.get(write.name)
            version = NEW if stored is None else stored.version
            if write.version is not None and write.version != version:
                raise Conflict(write.name)
            if size_of(write.fields) > MAX_BYTES:
                raise Refused(f"{write.name} has {size_of(write.fields)} bytes")
        self.last = max(self.now(), self.last + 1)
        versions = []
        for write in writes:
            stored = self.documents.get(write.name)
            if stored is None or stored.fields != write.fields:
                created = self.last if stored is None else stored.created_at
                self.documents[write.name] = Document(write.name, dict(write.fields), created, self.last)
            versions.append(self.documents[write.name].version)
        return Committed(self.last, versions)

    def in_collection(self, collection: str) -> list[Document]:
        return sorted(
            (document for name, document in self.documents.items() if name.startswith(f"{collection}/")),
            key=lambda document: document.name,
        )


def size_of(fields: Fields) -> int:
    return sum(
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
        found: list[Reading] = []

        def effect() -> None:
            stored = {
                name: self.database.documents[name] for name in names if name in self.database.documents
            }
            found.append(Reading(stored, self.database.time()))

        await self.faults.around(effect)
        return found[0]

    async def list(self, collection: str, after: str, limit: int) -> Sequence[Document]:
        found: list[Document] = []

        def effect() -> None:
            behind = [one for one in self.database.in_collection(collection) if one.id > after][:limit]
            found.extend(behind)

        await self.faults.around(effect)
        if self.faults.partial_pages and len(found) > 1:
            return found[: self.faults.random.randint(1, len(found))]
        return found

    async def commit(self, writes: Sequence[Write]) -> Committed:
        done: list[Committed] = []
        await self.faults.around(lambda: done.append(self.database.commit(writes)))
        return done[0]
