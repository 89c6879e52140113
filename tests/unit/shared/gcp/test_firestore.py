"""FirestoreDocuments over gRPC, against a Firestore that answers as a test says."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import grpc
import grpc.aio
import pytest
from google.cloud.firestore_v1.types import (
    BatchGetDocumentsRequest,
    BatchGetDocumentsResponse,
    CommitRequest,
    CommitResponse,
    RunQueryRequest,
    RunQueryResponse,
)

from shared.clock import to_micros
from shared.errors import Retry
from shared.gcp.firestore import MAX_NAMES, FirestoreDocuments
from shared.windows.documents import NEW, Conflict, Refused, Write
from tools.standins.serving import Context, listening

DATABASE = "projects/p/databases/windows"
FIRST = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)


@dataclass
class Server:
    """Has no document; each batch of names is read a second after the one before."""

    read: int = 0
    committed: int = 0
    refusal: grpc.StatusCode | None = None
    prefixes: list[object] = field(default_factory=list)
    """The database that each call names in its header."""

    def _note(self, context: Context) -> None:
        self.prefixes.append(dict(context.invocation_metadata() or ()).get("google-cloud-resource-prefix"))

    async def batch_get(
        self, request: BatchGetDocumentsRequest, context: Context
    ) -> AsyncIterator[BatchGetDocumentsResponse]:
        self._note(context)
        at = FIRST + timedelta(seconds=self.read)
        self.read += 1
        if self.refusal is not None:
            await context.abort(self.refusal, "not now")
        for name in request.documents:
            yield BatchGetDocumentsResponse(missing=name, read_time=at)

    async def run_query(self, _: RunQueryRequest, context: Context) -> AsyncIterator[RunQueryResponse]:
        self._note(context)
        yield RunQueryResponse(read_time=FIRST)

    async def commit(self, _: CommitRequest, context: Context) -> CommitResponse:
        self._note(context)
        self.committed += 1
        if self.refusal is not None:
            await context.abort(self.refusal, "not now")
        return CommitResponse(commit_time=FIRST, write_results=[{"update_time": FIRST}])


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """Listens where the adapter looks for Firestore."""
    api = Server()
    methods = {
        "BatchGetDocuments": grpc.unary_stream_rpc_method_handler(
            api.batch_get, BatchGetDocumentsRequest.deserialize, BatchGetDocumentsResponse.serialize
        ),
        "RunQuery": grpc.unary_stream_rpc_method_handler(
            api.run_query, RunQueryRequest.deserialize, RunQueryResponse.serialize
        ),
        "Commit": grpc.unary_unary_rpc_method_handler(
            api.commit, CommitRequest.deserialize, CommitResponse.serialize
        ),
    }
    async with listening({"google.firestore.v1.Firestore": methods}, "127.0.0.1", 0) as endpoint:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", endpoint.address)
        yield api


@pytest.fixture
async def documents(server: Server) -> AsyncIterator[FirestoreDocuments]:
    assert server.prefixes == []
    documents = FirestoreDocuments("p", "windows")
    yield documents
    await documents.close()


async def test_every_call_names_its_database_in_the_header_by_which_firestore_routes_it(
    documents: FirestoreDocuments, server: Server
) -> None:
    await documents.read(["c/a"])
    await documents.list("c", "", 1)
    await documents.commit([Write("c/a", {})])
    assert server.prefixes == [DATABASE] * 3


async def test_what_several_calls_read_is_as_of_the_first_of_them(
    documents: FirestoreDocuments, server: Server
) -> None:
    """What was committed between them may be missing in it."""
    reading = await documents.read([f"c/{number}" for number in range(2 * MAX_NAMES + 1)])
    assert server.read == 3
    assert reading.at == to_micros(FIRST)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (grpc.StatusCode.ALREADY_EXISTS, Conflict),
        (grpc.StatusCode.FAILED_PRECONDITION, Conflict),
        (grpc.StatusCode.NOT_FOUND, Conflict),
        (grpc.StatusCode.INVALID_ARGUMENT, Refused),
    ],
)
async def test_a_commit_that_can_never_be_applied_is_not_tried_again(
    documents: FirestoreDocuments, server: Server, status: grpc.StatusCode, error: type[Exception]
) -> None:
    server.refusal = status
    with pytest.raises(error, match="not now"):
        await documents.commit([Write("c/a", {}, NEW)])
    assert server.committed == 1


@pytest.mark.parametrize("status", [grpc.StatusCode.ABORTED, grpc.StatusCode.PERMISSION_DENIED])
async def test_any_other_failure_of_a_commit_is_a_retry_at_its_deadline(
    server: Server, status: grpc.StatusCode
) -> None:
    server.refusal = status
    documents = FirestoreDocuments("p", "windows", deadline=1.0)
    with pytest.raises(Retry, match=f"with {status.name}: not now"):
        await documents.commit([Write("c/a", {}, NEW)])
    assert 2 <= server.committed <= 4, "at 0.0, 0.1, 0.3 and 0.7 s, or later"
    await documents.close()
