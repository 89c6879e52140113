"""Two servers: a strict Storage Write server that misbehaves on request, and the BigQuery stand-in."""

import asyncio
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import grpc
import grpc.aio
import pytest
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, AppendRowsResponse
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status

from tools.pipeline.warehouse import Warehouse
from tools.standins.serving import listening

Turn = Callable[[list[Message]], AppendRowsResponse | None]
"""Answers one request instead of success; None ends the call without an answer."""


class Stall(Exception):
    """Raised by a Turn to leave the request unanswered."""


class Abort(Exception):
    """Raised by a Turn: the call ends with this status, its details in the trailing metadata."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


_CODES = {code.value[0]: code for code in grpc.StatusCode}


def refusal(code: grpc.StatusCode, text: str, **fields: object) -> AppendRowsResponse:
    """An answer with an error, and further fields of AppendRowsResponse."""
    return AppendRowsResponse({"error": Status(code=code.value[0], message=text), **fields})


@dataclass
class WriteServer:
    """Keeps the rows it acknowledged, and checks what BigQuery requires of every request."""

    endpoint: str = ""
    rows: list[Message] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    """Number of rows of each request received."""
    connections: int = 0
    turns: deque[Turn] = field(default_factory=deque)
    """They answer the next requests, in order; without one, a request succeeds."""
    delay: float = 0.0
    """Seconds before any answer."""
    ends_idle: bool = False
    """Ends a stream after each answer, as BigQuery does after ten idle minutes."""
    check_rows: Turn = lambda _: None
    """Called before a request succeeds; returns an answer if it must fail."""

    async def append_rows(
        self, requests: AsyncIterator[AppendRowsRequest], context: grpc.aio.ServicerContext[object, object]
    ) -> AsyncIterator[AppendRowsResponse]:
        self.connections += 1
        routing = dict(context.invocation_metadata() or ()).get("x-goog-request-params")
        row_class: type[Message] | None = None
        async for request in requests:
            assert request.write_stream.endswith("/streams/_default")
            assert routing == f"write_stream={request.write_stream}"
            assert AppendRowsRequest.pb(request).ByteSize() < 10_000_000
            schema_sent = "writer_schema" in request.proto_rows
            assert schema_sent == (row_class is None), "the schema goes with the first request only"
            row_class = row_class or _row_class(request)
            rows = [row_class.FromString(row) for row in request.proto_rows.rows.serialized_rows]
            self.requests.append(len(rows))
            await asyncio.sleep(self.delay)
            try:
                answer = self.turns.popleft()(rows) if self.turns else self.accept(rows)
            except Stall:
                await asyncio.Event().wait()
            except Abort as end:
                details = (("grpc-status-details-bin", end.status.SerializeToString()),)
                await context.abort(_CODES[end.status.code], end.status.message, details)
            if answer is None:
                return
            yield answer
            if self.ends_idle:
                return

    def accept(self, rows: list[Message]) -> AppendRowsResponse:
        refused = self.check_rows(rows)
        if refused is not None:
            return refused
        self.rows += rows
        return AppendRowsResponse(append_result={})


def _row_class(request: AppendRowsRequest) -> type[Message]:
    descriptor = request.proto_rows.writer_schema.proto_descriptor
    pool = DescriptorPool()
    pool.Add(FileDescriptorProto(name="row.proto", syntax="proto2", message_type=[descriptor]))
    return GetMessageClass(pool.FindMessageTypeByName(descriptor.name))


@pytest.fixture
async def write_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WriteServer]:
    """Listens where TableAppender expects BigQuery."""
    api = WriteServer()
    handler = grpc.stream_stream_rpc_method_handler(
        api.append_rows,
        request_deserializer=AppendRowsRequest.deserialize,
        response_serializer=AppendRowsResponse.serialize,
    )
    services = {"google.cloud.bigquery.storage.v1.BigQueryWrite": {"AppendRows": handler}}
    async with listening(services, "127.0.0.1", 0) as endpoint:
        api.endpoint = endpoint.address
        monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", api.endpoint)
        yield api


@pytest.fixture(scope="session")
def stand_in() -> Iterator[tuple[str, str]]:
    """The BigQuery stand-in as people start it: its http URL and its Storage Write host:port."""
    command = [sys.executable, "-m", "tools.standins.bigquery", "--rest-port=0", "--grpc-port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name, *words = process.stdout.readline().split()
        assert name == "bigquery:", "the first line says where it listens"
        yield words[-3], words[-1]
        process.terminate()
        assert process.wait(timeout=20) == 0


@pytest.fixture
def dataset() -> str:
    """The name of a dataset that no other test uses."""
    return f"dataset_{uuid4().hex}"


@pytest.fixture
def warehouse(stand_in: tuple[str, str], dataset: str, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """That dataset with its tables and views, in the project `project`."""
    rest, storage_write = stand_in
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", rest)
    monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", storage_write)
    warehouse = Warehouse("project", dataset)
    warehouse.create()
    return warehouse
