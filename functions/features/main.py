"""Arrives: an identified event, pushed or pulled from dashboard-events-parsed.
Leaves: its row in realtime_features, its values in the feature view, its part in the window log.
Fails: 503 or 429 while a sink does not take it; what none can take goes to the dead-letter topic."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.features import heartbeat, writing
from shared import clock, wiring
from shared.delivery.push import PushHandler
from shared.gcp import bigquery, feature_store, firestore
from shared.settings import FeaturesSettings
from shared.tables.columns import REALTIME_FEATURES
from shared.windows import log, lookup

settings = wiring.start("features", FeaturesSettings)


@cache
def handler() -> PushHandler:
    """Built at the first request: gRPC channels belong to the worker's loop, not to gunicorn's master."""
    rows = bigquery.table_sink(settings.project_id, settings.dataset, REALTIME_FEATURES)
    documents = firestore.FirestoreDocuments(settings.project_id, settings.firestore_database)
    windows, late = log.LogWriter(documents), lookup.Lookup(documents)
    online = feature_store.feature_view(settings.feature_view)
    dead_letters = wiring.dead_letter_publisher("features", settings)
    writer = writing.FeatureWriter(rows, windows, late, online, dead_letters, settings, clock.utc_now)
    process = heartbeat.answering_heartbeats(writer.process, clock.utc_now)
    return wiring.rejecting_handler("features", settings, process, dead_letters.send_rejected)


@functions_framework.aio.http
async def features(request: Request) -> Response:
    """The entry point."""
    return await handler().handle(request)
