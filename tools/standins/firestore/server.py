"""The Firestore stand-in's gRPC API: the calls of google.firestore.v1 that the adapter makes."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from google.cloud.firestore_v1 import types

from tools.faults.injecting import Faults
from tools.standins.firestore import queries
from tools.standins.firestore.kept import KeptDocuments
from tools.standins.firestore.names import document_path
from tools.standins.firestore.store import Store
from tools.standins.serving import Endpoint, Handler, listening, streaming, unary
from tools.standins.status import InvalidArgument, check_only

MAX_REQUEST_BYTES = 10 * 2**20

_CommitResponse = types.CommitResponse.pb()
_GetResponse = types.BatchGetDocumentsResponse.pb()
_QueryResponse = types.RunQueryResponse.pb()


class FirestoreService:
    """Commits, reads by name, and queries."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def commit(self, request: Any) -> Any:
        check_only(request, "database", "writes")
        size = request.ByteSize()
        if size > MAX_REQUEST_BYTES:
            raise InvalidArgument(
                f"Request payload of {size} bytes exceeds the limit: {MAX_REQUEST_BYTES} bytes."
            )
        committed = self._store.commit(request.database, request.writes)
        response = _CommitResponse(write_results=committed.results)
        response.commit_time.FromMicroseconds(committed.micros)
        return response

    async def batch_get(self, request: Any) -> AsyncIterator[Any]:
        check_only(request, "database", "documents")
        for name in request.documents:
            document_path(name, request.database)
        read_time = self._store.read_time()
        found = [(name, self._store.get(name)) for name in request.documents]
        for name, document in found:
            response = _GetResponse(missing=name) if document is None else _GetResponse(found=document)
            response.read_time.FromMicroseconds(read_time)
            yield response

    async def run_query(self, request: Any) -> AsyncIterator[Any]:
        check_only(request, "parent", "structured_query")
        read_time = self._store.read_time()
        # A query without results still answers once, with its read time.
        for document in queries.run(self._store, request.parent, request.structured_query) or [None]:
            response = _QueryResponse(document=document)
            response.read_time.FromMicroseconds(read_time)
            yield response

    def handlers(self) -> dict[str, Handler]:
        return {
            "Commit": unary(self.commit, types.CommitRequest.pb(), _CommitResponse),
            "BatchGetDocuments": streaming(self.batch_get, types.BatchGetDocumentsRequest.pb(), _GetResponse),
            "RunQuery": streaming(self.run_query, types.RunQueryRequest.pb(), _QueryResponse),
        }


def _now_micros() -> int:
    return time.time_ns() // 1000


@asynccontextmanager
async def serve(
    host: str = "127.0.0.1", port: int = 0, data: Path | None = None, faults: Faults | None = None
) -> AsyncIterator[Endpoint]:
    """Serves a Firestore until the block ends; port 0 takes any free one.

    It begins empty, or with what is in the file `data`, which then keeps it. Raises serving.PortTaken.
    """
    kept = KeptDocuments(data) if data else None
    store = Store(_now_micros, kept.load(), kept.save) if kept else Store(_now_micros)
    services = {"google.firestore.v1.Firestore": FirestoreService(store).handlers()}
    try:
        async with listening(services, host, port, faults) as endpoint:
            yield endpoint
    finally:
        if kept:
            kept.close()
