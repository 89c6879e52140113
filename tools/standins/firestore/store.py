"""The documents, in memory: atomic commits and reads, independent of gRPC.

A stored document is never changed, only replaced, so a reader may keep what it was given.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.cloud.firestore_v1 import types

from tools.standins.firestore.fields import size_of
from tools.standins.firestore.names import document_path, name_bytes, split
from tools.standins.status import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    check_only,
    unsupported,
)

MAX_DOCUMENT_BYTES = 1_048_576
_DOCUMENT_OVERHEAD = 32

Document = types.Document.pb()
WriteResult = types.WriteResult.pb()


@dataclass(frozen=True, slots=True)
class Commit:
    """The answer to a commit: its time in microseconds since the epoch, and a WriteResult per write."""

    micros: int
    results: Sequence[Any]


class Store:
    """Documents by full name; `now` gives microseconds since the epoch.

    It begins with `documents`; `save` gets what each commit changes, by name, before it is visible.
    """

    def __init__(
        self,
        now: Callable[[], int],
        documents: Iterable[Any] = (),
        save: Callable[[Mapping[str, Any | None]], None] = lambda _: None,
    ) -> None:
        self._now = now
        self._save = save
        self._last_commit = 0
        self._documents: dict[str, Any] = {}
        self._ids: dict[str, list[str]] = {}
        for document in documents:
            self._replace(document.name, document)
            self._last_commit = max(self._last_commit, document.update_time.ToMicroseconds())

    def read_time(self) -> int:
        """A time, in microseconds, at which everything committed so far is visible."""
        return max(self._now(), self._last_commit)

    def get(self, name: str) -> Any | None:
        """The document, which the caller must not change."""
        return self._documents.get(name)

    def in_collection(self, collection: str, after: str = "", limit: int | None = None) -> Sequence[Any]:
        """The documents directly in a collection (its full name), ordered by id, behind `after`."""
        ids = self._ids.get(collection, [])
        first = bisect_right(ids, after)
        end = len(ids) if limit is None else first + limit
        return [self._documents[f"{collection}/{document_id}"] for document_id in ids[first:end]]

    def commit(self, database: str, writes: Sequence[Any]) -> Commit:
        """Applies the writes in order, all or none. Raises StatusError."""
        # Each commit needs its own time, because preconditions compare versions by update_time.
        micros = max(self._now(), self._last_commit + 1)
        changed: dict[str, Any | None] = {}
        results = []
        for write in writes:
            check_only(write, "update", "delete", "current_document")
            name = write.delete if write.WhichOneof("operation") == "delete" else write.update.name
            parts = document_path(name, database)
            current = changed.get(name, self._documents.get(name))
            _check_precondition(write, name, current)
            changed[name], result = _apply(write, current, micros, name_bytes(parts))
            results.append(result)
        self._save(changed)
        for name, document in changed.items():
            self._replace(name, document)
        self._last_commit = micros
        return Commit(micros, results)

    def _replace(self, name: str, document: Any | None) -> None:
        collection, document_id = split(name)
        ids = self._ids.setdefault(collection, [])
        if document is None:
            if self._documents.pop(name, None) is not None:
                del ids[bisect_left(ids, document_id)]
            return
        if name not in self._documents:
            insort(ids, document_id)
        self._documents[name] = document


def _check_precondition(write: Any, name: str, current: Any | None) -> None:
    wanted = write.current_document
    kind = wanted.WhichOneof("condition_type")
    if kind == "exists" and wanted.exists:
        raise unsupported("the precondition that a document exists")
    if kind == "exists" and current is not None:
        raise AlreadyExists(f"Document already exists: {name}")
    if kind == "update_time" and (current is None or current.update_time != wanted.update_time):
        stored = "no document" if current is None else f"the version of {current.update_time.ToJsonString()}"
        raise FailedPrecondition(
            f"{name}: stored is {stored}, required the version of {wanted.update_time.ToJsonString()}"
        )


def _apply(write: Any, current: Any | None, micros: int, name_size: int) -> tuple[Any | None, Any]:
    """The document after the write (None: deleted), and the write's result."""
    result = WriteResult()
    if write.WhichOneof("operation") == "delete":
        return None, result
    document = _updated(write.update, current, micros)
    size = name_size + size_of(document.fields) + _DOCUMENT_OVERHEAD
    if size > MAX_DOCUMENT_BYTES:
        raise InvalidArgument(
            f"Document {document.name} is of {size} bytes, its maximum size is {MAX_DOCUMENT_BYTES}"
        )
    result.update_time.CopyFrom(document.update_time)
    return document, result


def _updated(sent: Any, current: Any | None, micros: int) -> Any:
    """The document as sent, with its times; the current one if the write changes nothing."""
    document = Document(name=sent.name, fields=sent.fields)
    if current is None:
        document.create_time.FromMicroseconds(micros)
    else:
        document.create_time.CopyFrom(current.create_time)
        document.update_time.CopyFrom(current.update_time)
        if document == current:
            return current
    document.update_time.FromMicroseconds(micros)
    return document
