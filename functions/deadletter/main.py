"""Arrives: a dead letter, pushed from dashboard-events-dead-letter, of ours or given up by Pub/Sub.
Leaves: its row in streaming_errors, with the whole message.
Fails: 503 or 429 while BigQuery does not take it; Pub/Sub keeps it 7 days and never gives it up before."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.deadletter.recording import Recorder
from shared import wiring
from shared.clock import utc_now
from shared.delivery.handler import PushHandler
from shared.gcp.bigquery import table_sink
from shared.settings import DeadletterSettings
from shared.tables.columns import STREAMING_ERRORS

settings = wiring.start("deadletter", DeadletterSettings)


@cache
def handler() -> PushHandler:
    """Built at the first request: gRPC channels belong to the worker's loop, not to gunicorn's master."""
    sink = table_sink(settings.project_id, settings.dataset, STREAMING_ERRORS)
    recorder = Recorder(sink, utc_now, settings.pipeline_version, settings.limits)
    return wiring.push_handler("deadletter", settings, recorder.process)


@functions_framework.aio.http
async def deadletter(request: Request) -> Response:
    """The entry point."""
    return await handler().handle(request)
