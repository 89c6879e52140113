"""Arrives: a producer's event, pushed or pulled from dashboard-events.
Leaves: the identified, validated event on dashboard-events-parsed, or a dead letter with its reason.
Fails: 503 or 429 while Pub/Sub does not accept it, 400 for a request that is not a Pub/Sub delivery."""

from functools import cache
from time import monotonic

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.parse import forwarding
from shared import clock, wiring
from shared.delivery.push import PushHandler
from shared.gcp import pubsub
from shared.settings import ParseSettings
from shared.telemetry import logs

settings = wiring.start("parse", ParseSettings)


@cache
def handler() -> PushHandler:
    """Built at the first request: gRPC channels belong to the worker's loop, not to gunicorn's master."""
    parsed = pubsub.TopicPublisher(settings.project_id, settings.parsed_topic)
    forwarder = forwarding.Forwarder(parsed, settings, clock.utc_now, logs.UnknownFields(monotonic))
    dead_letters = wiring.dead_letter_publisher("parse", settings)
    return wiring.rejecting_handler("parse", settings, forwarder.forward, dead_letters.send_rejected)


@functions_framework.aio.http
async def parse(request: Request) -> Response:
    """The entry point."""
    return await handler().handle(request)
