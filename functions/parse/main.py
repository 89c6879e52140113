"""Arrives: a producer's event, pushed from dashboard-events.
Leaves: the identified, validated event on dashboard-events-parsed, or a dead letter with its reason.
Fails: 503 or 429 while Pub/Sub does not take it, 400 for what is no Pub/Sub delivery."""

from functools import cache
from time import monotonic

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.parse.decoding import Decoder
from functions.parse.forwarding import Forwarder
from shared import heap, telemetry, tracing
from shared.clock import utc_now
from shared.dead_letters import DeadLetters
from shared.gcp.pubsub import TopicPublisher
from shared.holding import Holding
from shared.settings import ParseSettings, load
from shared.stage import Stage

settings = load(ParseSettings)
telemetry.configure("parse", settings.log_level, settings.project_id)


@cache
def stage() -> Stage:
    """Built at the first request: gRPC channels belong to the worker's loop, not to gunicorn's master."""
    forwarder = Forwarder(
        decoder=Decoder(settings.pipeline_version, settings.max_event_bytes, settings.max_future),
        parsed=TopicPublisher(settings.project_id, settings.parsed_topic, settings.limits),
        unknown_fields=telemetry.UnknownFields(monotonic),
        clock=utc_now,
        limits=settings.limits,
    )
    dead_letters = DeadLetters(
        TopicPublisher(settings.project_id, settings.dead_letter_topic, settings.limits),
        stage="parse",
        clock=utc_now,
        pipeline_version=settings.pipeline_version,
    )
    tracing.configure("parse", settings.otel_exporter_otlp_endpoint)
    heap.settle()
    return Stage(forwarder.forward, dead_letters.send_rejected, Holding(settings.brake_limits, monotonic))


@functions_framework.aio.http
async def parse(request: Request) -> Response:
    """The entry point."""
    return await stage().handle(request)
