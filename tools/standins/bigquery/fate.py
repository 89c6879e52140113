"""What a plan of faults does to one append; bqemulator answers each connection in a thread of its own."""

import time
from dataclasses import dataclass
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1.types import AppendRowsResponse, RowError

from shared.tables.columns import REALTIME_FEATURES
from tools.faults.injecting import Call, Faults
from tools.faults.plan import Fault
from tools.standins.misbehaving import TEXT

_Response = AppendRowsResponse.pb()
_CORRUPTED = RowError.RowErrorCode.FIELDS_ERROR


@dataclass(frozen=True, slots=True)
class Fate:
    """Of one request."""

    faults: Faults
    call: Call | None
    """None once the plan has healed."""

    def fails(self, context: grpc.ServicerContext) -> bool:
        """Before anything is written; slowly, perhaps."""
        if self.call is None:
            return False
        time.sleep(self.call.slow_by)
        return _ended(context, self.call.failure())

    def refused_rows(self, request: Any) -> bytes | None:
        """The answer to rows with the text that the plan names; none of the request's rows is written.

        Also when the plan has healed: what becomes of an event must not depend on when it came.
        """
        table = request.write_stream.split("/tables/")[-1].partition("/")[0]
        text = self.faults.refused
        if text is None or table != REALTIME_FEATURES.name:
            return None
        response = _Response(write_stream=request.write_stream)
        for index, row in enumerate(request.proto_rows.rows.serialized_rows):
            if text.encode() in row:
                response.row_errors.add(index=index, code=_CORRUPTED, message=TEXT)
        if not response.row_errors:
            return None
        self.faults.record.add(Fault.REFUSES_ROW, self.faults.part, "AppendRows")
        response.error.code = grpc.StatusCode.INVALID_ARGUMENT.value[0]
        response.error.message = "Errors found while processing rows."
        return bytes(response.SerializeToString())

    def loses_answer(self, context: grpc.ServicerContext) -> bool:
        """After the rows are written."""
        return self.call is not None and _ended(context, self.call.lost_answer())

    def closes_stream(self) -> bool:
        share = self.call.faults.calls.closes_streams if self.call else 0
        return self.call is not None and self.call.happens(Fault.CLOSES_STREAM, share)


def fate_of(faults: Faults | None) -> Fate | None:
    """The next request's."""
    return None if faults is None else Fate(faults, faults.call("AppendRows"))


def _ended(context: grpc.ServicerContext, code: str | None) -> bool:
    if code is None:
        return False
    context.set_code(grpc.StatusCode[code])
    context.set_details(TEXT)
    return True
