"""Arrives: a dead letter from dashboard-events-dead-letter, our record or a message that Pub/Sub gave up.
Leaves: its row in streaming_errors, with the whole message.
Fails: 503 or 429 while BigQuery does not accept it; Pub/Sub keeps it for 7 days and retries all that time."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.deadletter import recording
from shared import clock, wiring
from shared.delivery.push import PushHandler
from shared.gcp import bigquery
from shared.settings import DeadletterSettings
from shared.tables.columns import STREAMING_ERRORS

settings = wiring.start("deadletter", DeadletterSettings)


@cache
def handler() -> PushHandler:
    """Built at the first request: gRPC channels belong to the worker's loop, not to gunicorn's master."""
    sink = bigquery.table_sink(settings.project_id, settings.dataset, STREAMING_ERRORS)
    recorder = recording.Recorder(sink, clock.utc_now, settings.pipeline_version, settings.limits)
    return wiring.push_handler("deadletter", settings, recorder.process)


@functions_framework.aio.http
async def deadletter(request: Request) -> Response:
    """The entry point."""
    return await handler().handle(request)
