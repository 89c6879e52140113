"""Arrives: a tick of Cloud Scheduler, a POST, for each shard one.
Leaves: the panes that are due in realtime_features_aggregated, window features in the feature view.
Fails: 503 when a service does not do its part; the next tick goes on where this one stopped."""

from functools import cache
from time import monotonic

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.aggregate import flush, tick
from shared import clock, wiring
from shared.gcp import bigquery, feature_store, firestore
from shared.settings import AggregateSettings
from shared.tables.columns import REALTIME_FEATURES_AGGREGATED

settings = wiring.start("aggregate", AggregateSettings)


@cache
def handler() -> tick.FlushHandler:
    """Built at the first request: gRPC channels belong to the worker's loop, not to gunicorn's master."""
    database = settings.firestore_database
    documents = firestore.FirestoreDocuments(settings.project_id, database, firestore.FLUSH_DEADLINE)
    rows = bigquery.table_sink(
        settings.project_id, settings.dataset, REALTIME_FEATURES_AGGREGATED, bigquery.FLUSH_DEADLINE
    )
    online = feature_store.feature_view(settings.feature_view, flush.BUSY_SECONDS)
    dead_letters = wiring.dead_letter_publisher("aggregate", settings)
    needs = tick.FlushDependencies(documents, rows, online, dead_letters, clock.utc_now, monotonic, settings)
    return wiring.ready(tick.FlushHandler(needs))


@functions_framework.aio.http
async def aggregate(request: Request) -> Response:
    """The entry point."""
    return await handler().handle(request)
