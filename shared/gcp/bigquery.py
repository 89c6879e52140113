"""The BigQuery adapter, the only importer of the Storage Write client: rows to one table's default stream.

One long-lived connection per table and instance, with grpc.aio's own calls and raw protobuf: the client's
AppendRowsStream helper is thread-based. Importing the messages costs 0.3 s of CPU, and nothing smaller can be
imported: their package's `__init__` imports both of its services.
Source: https://cloud.google.com/bigquery/docs/write-api-streaming
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import grpc
import grpc.aio
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, AppendRowsResponse, StorageError
from google.rpc.status_pb2 import Status

from shared.errors import ErrorType, Reject, Retry
from shared.gcp.channel import CLIENT_HEADER, TRY_SECONDS, Reconnecting, Service
from shared.tables.columns import Table
from shared.tables.rows import descriptor
from shared.tables.sink import TableSink

BIGQUERY_STORAGE = Service("bigquerystorage.googleapis.com", "BIGQUERY_STORAGE_EMULATOR_HOST")
DEADLINE = 10.0
"""Seconds for a whole append with its retries, well inside a subscription's ack deadline of 60 s."""
FLUSH_DEADLINE = 4 * DEADLINE
"""For the flush: it appends four groups at once, and each waits for those before it."""
MAX_REQUEST_BYTES = 9_000_000
"""BigQuery takes 10 MB a request; the rest is for the schema and the rows' lengths."""

_ADVICE = {
    # A second try a moment later can't help: answered with Retry at once, so that nothing is lost.
    grpc.StatusCode.NOT_FOUND: "deploy the dataset and its tables",
    grpc.StatusCode.PERMISSION_DENIED: "run terraform apply: it grants this account cqc_row_appender",
    grpc.StatusCode.UNAUTHENTICATED: "check this function's credentials",
    grpc.StatusCode.INVALID_ARGUMENT: "deploy the table's schema before the function that writes its columns",
    grpc.StatusCode.FAILED_PRECONDITION: "check the state of the table",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "look at the project's Storage Write quotas",
    grpc.StatusCode.UNIMPLEMENTED: "check the endpoint",
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}

_METHOD = "/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows"
_Request = AppendRowsRequest.pb()
_StorageError = StorageError.pb()


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why one request appended nothing."""

    code: grpc.StatusCode
    text: str
    row_errors: Mapping[int, str] = field(default_factory=dict)
    """Position in the request to the reason. The list "may not be complete", says BigQuery."""
    of_stream: bool = False
    """BigQuery blames the stream, the table or the schema."""

    @property
    def of_rows(self) -> bool:
        return bool(self.row_errors) or (self.code is grpc.StatusCode.INVALID_ARGUMENT and not self.of_stream)


class TableAppender:
    """Appends rows to one table, at least once; opens its connection in the loop of the first append.

    `deadline` is for a whole append with its retries, `try_seconds` for its first try, both in seconds.
    Concurrent appends wait for each other.
    """

    def __init__(
        self,
        project: str,
        dataset: str,
        table: Table,
        deadline: float = DEADLINE,
        try_seconds: float = TRY_SECONDS,
    ) -> None:
        self._name = f"{project}.{dataset}.{table.name}"
        self._deadline = deadline
        self._try_seconds = try_seconds
        self._lock = asyncio.Lock()
        stream = f"projects/{project}/datasets/{dataset}/tables/{table.name}/streams/_default"
        self._connection = Reconnecting(
            BIGQUERY_STORAGE, lambda channel: _Connection(channel, stream, table), _Connection.close
        )

    async def append(self, rows: Sequence[bytes]) -> list[Reject | None]:
        """One outcome per row (from `shared.tables.rows.encode`), None is durable, Reject never can be.

        Raises Retry when it is unknown whether all rows are durable; appending them again may duplicate some.
        """
        try:
            async with asyncio.timeout(self._deadline), self._lock:
                return await self._append(rows)
        except TimeoutError:
            raise Retry(
                f"BigQuery did not confirm rows for {self._name} within {self._deadline:g} s: "
                "whether they arrived is not known"
            ) from None

    async def close(self) -> None:
        """Ends the connection once the append under way is done; a later append opens a new one."""
        async with self._lock:
            await self._connection.close()

    async def _append(self, rows: Sequence[bytes]) -> list[Reject | None]:
        outcomes = [self._too_large(row) for row in rows]
        pending = list(_groups(rows, [index for index, outcome in enumerate(outcomes) if outcome is None]))
        while pending:
            group = pending.pop()
            failure = await self._send([rows[index] for index in group])
            if failure is None:
                continue
            if failure.row_errors:  # nothing of the request was appended: send the rest again
                for position, text in failure.row_errors.items():
                    outcomes[group[position]] = self._reject(text)
                pending += [rest] if (rest := [index for index in group if outcomes[index] is None]) else []
            elif len(group) == 1:
                outcomes[group[0]] = self._reject(failure.text)
            else:  # it does not say which row: halve until the bad one is alone
                pending += [group[: len(group) // 2], group[len(group) // 2 :]]
        return outcomes

    async def _send(self, rows: Sequence[bytes]) -> _Failure | None:
        """Sends one request, and once more over a new connection if the first attempt broke or hung.

        BigQuery closes a stream after 10 idle minutes, and only the next append notices. The second attempt
        has what is left of the whole deadline: a slow answer is better than duplicated rows.
        Returns None, or a failure that a row caused; raises Retry for any other.
        """
        failure = await self._exchange(rows, self._try_seconds)
        if failure is None or failure.of_rows:
            return failure
        if failure.code not in _ADVICE:
            failure = await self._exchange(rows, None)
            if failure is None or failure.of_rows:
                return failure
        advice = _ADVICE.get(failure.code, "whether they arrived is not known")
        raise Retry(f"BigQuery took no rows for {self._name}: {failure.code.name}, {failure.text}: {advice}")

    async def _exchange(self, rows: Sequence[bytes], seconds: float | None) -> _Failure | None:
        """One attempt. Its connection is kept only after a success or a complaint about rows: the answer to
        an exchange cut short would be read as the next one's."""
        try:
            answer = await self._connection.attempt(lambda connection: connection.exchange(rows), seconds)
        except grpc.aio.AioRpcError as error:
            self._connection.renew()
            return _failure_of_call(error)
        except (asyncio.InvalidStateError, EOFError):  # the call had ended before, or ended without an answer
            return _Failure(grpc.StatusCode.UNAVAILABLE, "the connection was closed")
        except TimeoutError:
            return _Failure(grpc.StatusCode.DEADLINE_EXCEEDED, "no answer in time")
        failure = _failure_in(answer, len(rows))
        # A changed schema holds for new connections only.
        if (failure is not None and not failure.of_rows) or "updated_schema" in answer:
            self._connection.renew()
        return failure

    def _reject(self, text: str) -> Reject:
        return Reject(ErrorType.SINK_REJECTED, f"BigQuery refused the row for {self._name}: {text}")

    def _too_large(self, row: bytes) -> Reject | None:
        if len(row) <= MAX_REQUEST_BYTES:
            return None
        return self._reject(f"its {len(row):,} bytes are more than the {MAX_REQUEST_BYTES:,} of one request")


def table_sink(project: str, dataset: str, table: Table, deadline: float = DEADLINE) -> TableSink:
    """Rows of this table to BigQuery."""
    return TableSink(table, TableAppender(project, dataset, table, deadline))


class _Connection:
    """One AppendRows call. Requests and answers alternate, so an answer is always the last request's."""

    def __init__(self, channel: grpc.aio.Channel, stream: str, table: Table) -> None:
        open_call = cast(
            "grpc.aio.StreamStreamMultiCallable[AppendRowsRequest, AppendRowsResponse]",
            channel.stream_stream(
                _METHOD,
                request_serializer=AppendRowsRequest.serialize,
                response_deserializer=AppendRowsResponse.deserialize,
            ),
        )
        routing = to_grpc_metadata({"write_stream": stream})
        self._call = open_call(metadata=(routing, CLIENT_HEADER))
        self._stream = stream
        self._schema: Table | None = table  # sent with the first request only

    async def exchange(self, rows: Sequence[bytes]) -> AppendRowsResponse:
        """Raises AioRpcError, or InvalidStateError or EOFError when the server ended the call."""
        request = _Request(write_stream=self._stream)
        if self._schema is not None:
            request.proto_rows.writer_schema.proto_descriptor.CopyFrom(descriptor(self._schema))
            self._schema = None
        request.proto_rows.rows.serialized_rows.extend(rows)
        await self._call.write(AppendRowsRequest.wrap(request))  # wrapped, not copied: proto-plus is slow
        answer = await self._call.read()
        if not isinstance(answer, AppendRowsResponse):
            raise EOFError
        return answer

    def close(self) -> None:
        self._call.cancel()


def _groups(rows: Sequence[bytes], indexes: Sequence[int]) -> Iterator[list[int]]:
    """`indexes` in runs whose rows fit one request."""
    group: list[int] = []
    size = 0
    for index in indexes:
        if group and size + len(rows[index]) > MAX_REQUEST_BYTES:
            yield group
            group, size = [], 0
        group.append(index)
        size += len(rows[index])
    if group:
        yield group


def _failure_in(answer: AppendRowsResponse, count: int) -> _Failure | None:
    row_errors = {error.index: error.message for error in answer.row_errors if 0 <= error.index < count}
    if not row_errors and "error" not in answer:
        return None
    return _failure(answer.error, row_errors)


def _failure_of_call(error: grpc.aio.AioRpcError) -> _Failure:
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if isinstance(details, bytes):
        return _failure(Status.FromString(details), {})
    return _failure(Status(code=error.code().value[0], message=error.details() or ""), {})


def _failure(status: Status, row_errors: Mapping[int, str]) -> _Failure:
    of_stream = "schema" in status.message.lower()  # "Invalid proto schema": without a code of its own
    for detail in status.details:
        storage_error = _StorageError()
        if detail.Unpack(storage_error) and storage_error.code:
            of_stream = True
    return _Failure(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message, row_errors, of_stream)
