"""The HTTP API: POST /v1/traces, as for any collector, and GET /events/ID (or latest) for `cqc trace`."""

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tools.pipeline.spans import LATEST, Span
from tools.standins.otlp.store import Store

_PROTOBUF = "application/x-protobuf"
_SPANS = TypeAdapter(list[Span])


def app() -> Starlette:
    """An application with a new, empty store."""
    store = Store()

    async def take(request: Request) -> Response:
        try:
            store.add(ExportTraceServiceRequest.FromString(await request.body()))
        except DecodeError as error:
            return Response(f"the body is not an OTLP request in plain protobuf: {error}\n", 400)
        return Response(ExportTraceServiceResponse().SerializeToString(), media_type=_PROTOBUF)

    async def show(request: Request) -> Response:
        asked: str = request.path_params["event_id"]
        event_id = store.latest_event() if asked == LATEST else asked
        spans = [] if event_id is None else store.of_event(event_id)
        return Response(_SPANS.dump_json(spans), media_type="application/json")

    return Starlette(
        routes=[
            Route("/v1/traces", take, methods=["POST"]),
            Route("/events/{event_id:path}", show, methods=["GET"]),
        ]
    )
