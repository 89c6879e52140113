"""Arrives: a tick of Cloud Scheduler, a POST with no body that matters.
Leaves: the panes that are due in realtime_features_aggregated, window features in the feature view.
Fails: 503 when a service does not do its part; the next tick goes on where this one stopped."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.aggregate.flush import World
from functions.aggregate.panes import Trigger
from functions.aggregate.tick import Ticker
from shared import telemetry
from shared.clock import utc_now
from shared.columns import REALTIME_FEATURES_AGGREGATED
from shared.dead_letters import DeadLetters
from shared.gcp.bigquery import TableAppender
from shared.gcp.feature_store import feature_view
from shared.gcp.firestore import WindowStore, connect
from shared.gcp.pubsub import TopicPublisher
from shared.settings import AggregateSettings, load
from shared.table_sink import TableSink

settings = load(AggregateSettings)
telemetry.configure("aggregate", settings.log_level, settings.project_id)


@cache
def ticker() -> Ticker:
    """Built at the first request: gRPC channels belong to the worker's loop, not to gunicorn's master."""
    appender = TableAppender(settings.project_id, settings.dataset, REALTIME_FEATURES_AGGREGATED)
    client = connect(settings.project_id, settings.firestore_database)
    world = World(
        panes=TableSink(REALTIME_FEATURES_AGGREGATED, appender),
        online=feature_view(settings.feature_view),
        failures=DeadLetters(
            TopicPublisher(settings.project_id, settings.dead_letter_topic, settings.limits),
            stage="aggregate",
            clock=utc_now,
            pipeline_version=settings.pipeline_version,
        ),
        trigger=Trigger(settings.allowed_lateness, settings.close_grace),
        clock=utc_now,
        pipeline_version=settings.pipeline_version,
    )
    return Ticker(world, lambda: WindowStore(client))


@functions_framework.aio.http
async def aggregate(request: Request) -> Response:
    """The entry point."""
    return await ticker().handle(request)
