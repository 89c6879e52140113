"""The Firestore adapter, the only importer of its client: documents by name, in order, and atomic commits.

Raw protobuf through the client's own transport: its documents cost five times as much CPU, and its retries go
on for minutes on one connection. No query filters or sorts by a field, so every field is exempt from indexes
(terraform/firestore.tf).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import grpc
from google.cloud.firestore_v1.services.firestore.transports.grpc_asyncio import FirestoreGrpcAsyncIOTransport
from google.cloud.firestore_v1.types import BatchGetDocumentsRequest, CommitRequest, RunQueryRequest
from grpc.aio import AioRpcError

from shared.errors import Retry
from shared.gcp.channel import Reconnecting, Service, is_local
from shared.windows.documents import (
    EXPIRY,
    NEW,
    Committed,
    Conflict,
    Document,
    Field,
    Fields,
    Reading,
    Refused,
    Write,
)

DEADLINE = 8.0
"""Seconds for a whole call of the hot path with its tries."""
FLUSH_DEADLINE = 30.0
"""Seconds for one of the flush's calls; it may carry megabytes."""
TRY = 0.4
"""Of the deadline, for one try; after one that hangs the next goes over a new connection."""
PAUSE = 0.1
"""Seconds before the second try, twice as long before each further one."""
MAX_NAMES = 300
"""Documents that one call asks for, so that its answer stays small."""

_SERVICE = Service("firestore.googleapis.com", "FIRESTORE_EMULATOR_HOST")
_CONFLICTS = frozenset(
    {grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND}
)
"""How Firestore says that a document is not in the version that a write asked for."""
_REFUSALS = frozenset({grpc.StatusCode.INVALID_ARGUMENT})

_BatchGet = BatchGetDocumentsRequest.pb()
_Commit = CommitRequest.pb()
_RunQuery = RunQueryRequest.pb()

T = TypeVar("T")


class FirestoreDocuments:
    """shared.windows.documents.Documents on Firestore; opens its connection in the loop of the first call.

    `deadline` is in seconds, for a call with its tries; `try_seconds` is for one of them, TRY of the deadline
    unless given.
    """

    def __init__(
        self, project: str, database: str, deadline: float = DEADLINE, try_seconds: float | None = None
    ) -> None:
        self._database = f"projects/{project}/databases/{database}"
        self._prefix = f"{self._database}/documents/"
        self._deadline = deadline
        self._try_seconds = try_seconds or deadline * TRY
        self._connection: Reconnecting[Any] = Reconnecting(
            _SERVICE, lambda channel: FirestoreGrpcAsyncIOTransport(channel=channel)
        )
        self._metadata = [("google-cloud-resource-prefix", self._database)]
        if is_local(_SERVICE):
            self._metadata.append(("authorization", "Bearer owner"))

    async def read(self, names: Sequence[str]) -> Reading:
        """Those of the documents that exist; up to MAX_NAMES of them as of one moment. Raises Retry."""
        groups = [names[at : at + MAX_NAMES] for at in range(0, len(names), MAX_NAMES)]
        readings = await asyncio.gather(
            *(self._call("reading documents", partial(self._read, group)) for group in groups)
        )
        found = {name: document for reading in readings for name, document in reading.documents.items()}
        return Reading(found, min((reading.at for reading in readings), default=0))

    async def list(self, collection: str, after: str, limit: int) -> Sequence[Document]:
        """The next documents behind an id, in order; fewer than `limit` only at the end. Raises Retry."""
        return await self._call(f"listing {collection}", partial(self._list, collection, after, limit))

    async def commit(self, writes: Sequence[Write]) -> Committed:
        """All or none; raises Conflict, Refused and Retry."""
        return await self._call("committing documents", partial(self._commit, writes), _raise_if_final)

    async def close(self) -> None:
        """Ends the connection; a later call opens a new one."""
        await self._connection.close()

    async def _call(
        self,
        what: str,
        attempt: Callable[[float, Any], Awaitable[T]],
        raise_if_final: Callable[[AioRpcError], None] | None = None,
    ) -> T:
        """Tries until the deadline, unless `raise_if_final` raises for what another try does not change."""
        pause, last = PAUSE, "no answer"
        try:
            async with asyncio.timeout(self._deadline):
                while True:
                    try:
                        # The call has the limit itself, so that a half-read answer ends with it.
                        return await self._connection.attempt(partial(attempt, self._try_seconds), None)
                    except AioRpcError as error:
                        if raise_if_final is not None:
                            raise_if_final(error)
                        last = f"{error.code().name}: {error.details()}"
                    await asyncio.sleep(pause)
                    pause *= 2
        except TimeoutError as error:
            raise Retry(
                f"{what} in Firestore failed for {self._deadline:g} s, the last time with {last}"
            ) from error

    async def _read(self, names: Sequence[str], seconds: float, transport: Any) -> Reading:
        request = _BatchGet(database=self._database, documents=[self._prefix + name for name in names])
        found, at = {}, 0
        async for answer in transport.batch_get_documents(
            BatchGetDocumentsRequest.wrap(request), timeout=seconds, metadata=self._metadata
        ):
            raw = type(answer).pb(answer)
            at = raw.read_time.ToMicroseconds()
            if raw.HasField("found"):
                document = self._document(raw.found)
                found[document.name] = document
        return Reading(found, at)

    async def _list(
        self, collection: str, after: str, limit: int, seconds: float, transport: Any
    ) -> Sequence[Document]:
        request = _RunQuery(parent=self._prefix[:-1])
        query = request.structured_query
        query.from_.add(collection_id=collection)
        query.order_by.add(direction="ASCENDING").field.field_path = "__name__"
        query.limit.value = limit
        if after:
            query.start_at.values.add(reference_value=f"{self._prefix}{collection}/{after}")
        found = []
        async for answer in transport.run_query(
            RunQueryRequest.wrap(request), timeout=seconds, metadata=self._metadata
        ):
            raw = type(answer).pb(answer)
            if raw.HasField("document"):
                found.append(self._document(raw.document))
        return found

    async def _commit(self, writes: Sequence[Write], seconds: float, transport: Any) -> Committed:
        request = _Commit(database=self._database)
        for write in writes:
            target = request.writes.add()
            target.update.name = self._prefix + write.name
            for name, value in write.fields.items():
                _set(target.update.fields[name], name, value)
            if write.version == NEW:
                target.current_document.exists = False
            elif write.version is not None:
                target.current_document.update_time.FromNanoseconds(write.version)
        answer = await transport.commit(CommitRequest.wrap(request), timeout=seconds, metadata=self._metadata)
        raw = type(answer).pb(answer)
        return Committed(
            raw.commit_time.ToMicroseconds(),
            [result.update_time.ToNanoseconds() for result in raw.write_results],
        )

    def _document(self, raw: Any) -> Document:
        fields: Fields = {name: _get(value) for name, value in raw.fields.items()}
        return Document(
            raw.name.removeprefix(self._prefix),
            fields,
            raw.create_time.ToMicroseconds(),
            raw.update_time.ToNanoseconds(),
        )


def _raise_if_final(error: AioRpcError) -> None:
    """For the answers to a commit that say why it can't be applied."""
    if error.code() in _CONFLICTS:
        raise Conflict(error.details()) from error
    if error.code() in _REFUSALS:
        raise Refused(error.details()) from error


def _set(target: Any, name: str, value: Field) -> None:
    if name == EXPIRY and isinstance(value, int):
        target.timestamp_value.FromMicroseconds(value)
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, str):
        target.string_value = value
    else:
        target.integer_value = value


def _get(value: Any) -> Field:
    kind = value.WhichOneof("value_type")
    if kind == "timestamp_value":
        micros: int = value.timestamp_value.ToMicroseconds()
        return micros
    if kind in ("bytes_value", "string_value", "integer_value"):
        found: Field = getattr(value, kind)
        return found
    return f"a {kind}, which this release does not write"
