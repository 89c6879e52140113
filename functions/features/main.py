"""Arrives: an identified event, pushed from dashboard-events-parsed.
Leaves: its row in realtime_features, its values in the feature view, its part in the window log.
Fails: 503 or 429 while a sink does not take it; what none can take goes to the dead-letter topic."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.features.heartbeat import answering_heartbeats
from functions.features.writing import FeatureWriter
from shared import wiring
from shared.clock import utc_now
from shared.delivery.handler import PushHandler
from shared.gcp.bigquery import table_sink
from shared.gcp.feature_store import feature_view
from shared.gcp.firestore import FirestoreDocuments
from shared.settings import FeaturesSettings
from shared.tables.columns import REALTIME_FEATURES
from shared.windows.log import LogWriter
from shared.windows.lookup import Lookup

settings = wiring.start("features", FeaturesSettings)


@cache
def handler() -> PushHandler:
    """Built at the first request: gRPC channels belong to the worker's loop, not to gunicorn's master."""
    rows = table_sink(settings.project_id, settings.dataset, REALTIME_FEATURES)
    documents = FirestoreDocuments(settings.project_id, settings.firestore_database)
    dead_letters = wiring.dead_letter_publisher("features", settings)
    log, late = LogWriter(documents), Lookup(documents, settings.allowed_lateness)
    online = feature_view(settings.feature_view)
    writer = FeatureWriter(rows, log, late, online, dead_letters, settings, utc_now)
    process = answering_heartbeats(writer.process, utc_now)
    return wiring.rejecting_handler("features", settings, process, dead_letters.send_rejected)


@functions_framework.aio.http
async def features(request: Request) -> Response:
    """The entry point."""
    return await handler().handle(request)
