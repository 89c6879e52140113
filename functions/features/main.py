"""Arrives: an identified event, pushed from dashboard-events-parsed.
Leaves: its row in realtime_features, its values in the feature view, its part in the window log.
Fails: 503 or 429 while a sink does not take it; what none can take goes to the dead-letter topic."""

from functools import cache
from time import monotonic

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.features.writing import FeatureWriter
from shared import heap, telemetry, tracing
from shared.clock import utc_now
from shared.columns import REALTIME_FEATURES
from shared.dead_letters import DeadLetters
from shared.gcp.bigquery import TableAppender
from shared.gcp.feature_store import feature_view
from shared.gcp.firestore import WindowLog, connect
from shared.gcp.pubsub import TopicPublisher
from shared.holding import Holding
from shared.settings import FeaturesSettings, load
from shared.stage import Stage
from shared.table_sink import TableSink

settings = load(FeaturesSettings)
telemetry.configure("features", settings.log_level, settings.project_id)


@cache
def stage() -> Stage:
    """Built at the first request: gRPC channels belong to the worker's loop, not to gunicorn's master."""
    dead_letters = DeadLetters(
        TopicPublisher(settings.project_id, settings.dead_letter_topic, settings.limits),
        stage="features",
        clock=utc_now,
        pipeline_version=settings.pipeline_version,
    )
    appender = TableAppender(settings.project_id, settings.dataset, REALTIME_FEATURES)
    writer = FeatureWriter(
        rows=TableSink(REALTIME_FEATURES, appender),
        log=WindowLog(connect(settings.project_id, settings.firestore_database)),
        online=feature_view(settings.feature_view),
        failures=dead_letters,
        clock=utc_now,
        zone=settings.feature_timezone,
        allowed_lateness=settings.allowed_lateness,
        limits=settings.limits,
    )
    tracing.configure("features", settings.otel_exporter_otlp_endpoint)
    heap.settle()
    return Stage(writer.process, dead_letters.send_rejected, Holding(settings.brake_limits, monotonic))


@functions_framework.aio.http
async def features(request: Request) -> Response:
    """The entry point."""
    return await stage().handle(request)
