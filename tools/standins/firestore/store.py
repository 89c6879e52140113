"""The documents, in memory: atomic commits and reads, independent of gRPC.

A stored document is never changed, only replaced, so a reader may keep what it was given.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.cloud.firestore_v1 import types

from tools.standins.firestore import fields
from tools.standins.firestore.names import document_path, name_bytes, split
from tools.standins.status import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    StatusError,
    Unimplemented,
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

    def in_collection(
        self, collection: str, start: str = "", inclusive: bool = True, limit: int | None = None
    ) -> Sequence[Any]:
        """The documents directly in a collection (its full name), ordered by id.

        They begin with the id `start`, which is left out unless `inclusive`; at most `limit`.
        """
        ids = self._ids.get(collection, [])
        first = bisect_left(ids, start) if inclusive else bisect_right(ids, start)
        end = len(ids) if limit is None else first + limit
        return [self._documents[f"{collection}/{document_id}"] for document_id in ids[first:end]]

    def commit(self, database: str, writes: Sequence[Any]) -> Commit:
        """Applies the writes in order, all or none. Raises StatusError."""
        # Each commit needs its own time, because preconditions compare versions by update_time.
        micros = max(self._now(), self._last_commit + 1)
        changed: dict[str, Any | None] = {}
        results = []
        for write in writes:
            name = write.delete if write.WhichOneof("operation") == "delete" else write.update.name
            parts = document_path(name, database)
            current = changed[name] if name in changed else self._documents.get(name)
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
    kind = write.current_document.WhichOneof("condition_type")
    wanted = write.current_document
    refusal: StatusError | None = None
    if kind == "exists" and wanted.exists and current is None:
        refusal = NotFound(f"No document to update: {name}")
    elif kind == "exists" and not wanted.exists and current is not None:
        refusal = AlreadyExists(f"Document already exists: {name}")
    elif kind == "update_time" and (current is None or current.update_time != wanted.update_time):
        stored = "no document" if current is None else f"the version of {current.update_time.ToJsonString()}"
        refusal = FailedPrecondition(
            f"{name}: stored is {stored}, required the version of {wanted.update_time.ToJsonString()}"
        )
    if refusal is not None:
        raise refusal


def _apply(write: Any, current: Any | None, micros: int, name_size: int) -> tuple[Any | None, Any]:
    """The document after the write (None: deleted), and the write's result."""
    operation = write.WhichOneof("operation")
    result = WriteResult()
    if operation == "delete":
        return None, result
    if operation != "update":
        raise Unimplemented(f"the Firestore stand-in does not support {operation}: use --parts emulators")
    document = _updated(write, current, micros, result)
    size = name_size + fields.size_of(document.fields) + _DOCUMENT_OVERHEAD
    if size > MAX_DOCUMENT_BYTES:
        raise InvalidArgument(
            f"Document {document.name} is of {size} bytes, its maximum size is {MAX_DOCUMENT_BYTES}"
        )
    result.update_time.CopyFrom(document.update_time)
    return document, result


def _updated(write: Any, current: Any | None, micros: int, result: Any) -> Any:
    """The document with the write applied; the current one if the write changes nothing."""
    document = Document(name=write.update.name)
    if write.HasField("update_mask"):
        if current is not None:
            document.CopyFrom(current)
        fields.copy_paths(write.update.fields, document.fields, write.update_mask.field_paths)
    else:
        document.MergeFrom(write.update)
    fields.set_request_time(document.fields, write.update_transforms, micros, result)
    if current is not None:
        document.create_time.CopyFrom(current.create_time)
        document.update_time.CopyFrom(current.update_time)
        if document == current:
            return current
    else:
        document.create_time.FromMicroseconds(micros)
    document.update_time.FromMicroseconds(micros)
    return document
