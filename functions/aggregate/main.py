"""Arrives: a tick of Cloud Scheduler, a POST with no body that matters.
Leaves: the panes that are due in realtime_features_aggregated, window features in the feature view.
Fails: 503 when a service does not do its part; the next tick goes on where this one stopped."""

from functools import cache
from time import monotonic

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.aggregate.flush import BUSY_SECONDS
from functions.aggregate.tick import FlushDependencies, FlushHandler
from shared import wiring
from shared.clock import utc_now
from shared.gcp.bigquery import table_sink
from shared.gcp.feature_store import feature_view
from shared.gcp.firestore import FLUSH_DEADLINE, FirestoreDocuments
from shared.settings import AggregateSettings
from shared.tables.columns import REALTIME_FEATURES_AGGREGATED

settings = wiring.start("aggregate", AggregateSettings)


@cache
def handler() -> FlushHandler:
    """Built at the first request: gRPC channels belong to the worker's loop, not to gunicorn's master."""
    documents = FirestoreDocuments(settings.project_id, settings.firestore_database, FLUSH_DEADLINE)
    rows = table_sink(settings.project_id, settings.dataset, REALTIME_FEATURES_AGGREGATED)
    online = feature_view(settings.feature_view, BUSY_SECONDS)
    dead_letters = wiring.dead_letter_publisher("aggregate", settings)
    flush = FlushDependencies(documents, rows, online, dead_letters, utc_now, monotonic, settings)
    return wiring.ready(FlushHandler(flush))


@functions_framework.aio.http
async def aggregate(request: Request) -> Response:
    """The entry point."""
    return await handler().handle(request)
