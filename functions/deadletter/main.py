"""Arrives: a dead letter, pushed from dashboard-events-dead-letter, of ours or given up by Pub/Sub.
Leaves: its row in streaming_errors, with the whole message.
Fails: 503 or 429 while BigQuery does not take it; Pub/Sub keeps it 7 days and never gives it up before."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.deadletter.recording import Recorder
from shared import heap, telemetry, tracing
from shared.clock import utc_now
from shared.columns import STREAMING_ERRORS
from shared.gcp.bigquery import TableAppender
from shared.settings import DeadletterSettings, load
from shared.stage import Stage
from shared.table_sink import TableSink

settings = load(DeadletterSettings)
telemetry.configure("deadletter", settings.log_level, settings.project_id)


@cache
def stage() -> Stage:
    """Built at the first request: gRPC channels belong to the worker's loop, not to gunicorn's master."""
    sink = TableSink(STREAMING_ERRORS, TableAppender(settings.project_id, settings.dataset, STREAMING_ERRORS))
    tracing.configure("deadletter", settings.otel_exporter_otlp_endpoint)
    heap.settle()
    return Stage(Recorder(sink, utc_now, settings.pipeline_version, settings.limits).process)


@functions_framework.aio.http
async def deadletter(request: Request) -> Response:
    """The entry point."""
    return await stage().handle(request)
