"""AppendRows as BigQuery answers it: rows by column name, and a refusal of columns that the table lacks.

As released, bqemulator matches by position and keeps a table's columns as they were when the call began.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import grpc
import pyarrow  # type: ignore[import-untyped]
from bqemulator.api.dependencies import AppContext
from bqemulator.grpc_api.write_servicer import BigQueryWriteHandler
from bqemulator.storage.sql_identifiers import quoted_table_ref
from bqemulator.streaming.write_stream import WriteStream, WriteStreamManager, parse_stream_name
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, StorageError
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status

from tools.faults.injecting import Faults
from tools.standins.bigquery.fate import fate_of

_Request = AppendRowsRequest.pb()
_Reason = StorageError.pb()


class Appends(BigQueryWriteHandler):
    """Writes in the event loop, where queries run, under the lock that every other write takes."""

    def __init__(
        self, context: AppContext, manager: WriteStreamManager | None = None, faults: Faults | None = None
    ) -> None:
        super().__init__(context, manager)
        self._faults = faults
        self._loop = asyncio.get_running_loop()

    def _handle_append_rows(
        self, request_iterator: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        """Ends the call at a request whose schema has a column that the table lacks."""
        admitted = deque[bytes]()
        answers = super()._handle_append_rows(iter(admitted.popleft, None), context)
        written: Sequence[str] = ()
        for sent in request_iterator:
            request = _Request.FromString(sent)
            if request.proto_rows.HasField("writer_schema"):
                written = [field.name for field in request.proto_rows.writer_schema.proto_descriptor.field]
            extra = self._lacking(request.write_stream, written)
            if extra:
                _refuse(context, _extra_fields(request.write_stream, extra))
                return
            fate = fate_of(self._faults)
            if fate is not None and fate.fails(context):
                return
            if fate is not None and (refused := fate.refused_rows(request)):
                yield refused
                continue
            admitted.append(sent)
            answer = next(answers, None)  # one for each request, none when the call has failed
            if answer is None or (fate is not None and fate.loses_answer(context)):
                return
            yield answer
            if fate is not None and fate.closes_stream():
                return

    def _ensure_stream_bound(
        self,
        stream_name: str,
        _: tuple[WriteStream, pyarrow.Schema] | None,
        context: grpc.ServicerContext,
    ) -> tuple[WriteStream, pyarrow.Schema] | None:
        """Reads the table's columns for each request: they may have changed since the last."""
        return self._bind_stream_to_target(stream_name, context)

    def _flush_to_target(self, stream: WriteStream, rows: pyarrow.Table) -> None:
        asyncio.run_coroutine_threadsafe(self._write(stream, rows), self._loop).result()

    async def _write(self, stream: WriteStream, rows: pyarrow.Table) -> None:
        names = (stream.project_id, stream.dataset_id, stream.table_id)
        view = f"append_{uuid4().hex}"
        engine = self._ctx.engine
        async with engine.write_lock():
            engine.connection.register(view, rows)
            try:
                engine.execute(f"INSERT INTO {quoted_table_ref(*names)} BY NAME SELECT * FROM {view}")
            finally:
                engine.connection.unregister(view)
            self._ctx.snapshots.record_change(*names)  # queries that were answered from a cache run again

    def _lacking(self, stream: str, written: Sequence[str]) -> list[str]:
        """The writer's columns that the table does not have; none for a table that does not exist."""
        try:
            table = self._ctx.catalog.get_table(*parse_stream_name(stream)[:3])
        except ValueError:  # a malformed name, which the original refuses
            return []
        if table is None:
            return []
        present = {field.name for field in table.schema_.fields}
        return [name for name in written if name not in present]


def _extra_fields(stream: str, names: Sequence[str]) -> Status:
    """BigQuery's own words."""
    entity = stream.replace("/streams/", "/")
    listed = ", ".join(f"'{name}'" for name in names)
    text = f"Input schema has more fields than BigQuery schema, extra fields: {listed} Entity: {entity}"
    code = StorageError.StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS
    detail = AnyMessage()
    detail.Pack(_Reason(code=code, entity=entity, error_message=text))
    return Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message=text, details=[detail])


def _refuse(context: Any, status: Status) -> None:
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
    context.set_details(status.message)
