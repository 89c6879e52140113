"""Clients of a pipeline, which find it as in production: local endpoints by Google's environment variables.

For a deployed pipeline these variables are removed from this process's environment, and application default
credentials are required. A command works on one pipeline.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from shared.errors import Retry
from tools.errors import CommandError, UsageError
from tools.pipeline.address import EMULATOR_VARIABLES, ChainAddress
from tools.pipeline.deployment import Pipeline
from tools.pipeline.warehouse import QUERY_TIMEOUT, Warehouse

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

    from shared.gcp.feature_store import FeatureView
    from shared.gcp.firestore import FirestoreDocuments
    from tools.pipeline.online_store import OnlineStore
    from tools.pipeline.pubsub import PubSub

T = TypeVar("T")


def enter(pipeline: Pipeline) -> None:
    """Points this process at the pipeline; raises UsageError without credentials for a deployed one."""
    if isinstance(pipeline, ChainAddress):
        os.environ.update(pipeline.emulator_variables())
        return
    for variable in EMULATOR_VARIABLES:
        os.environ.pop(variable, None)
    credentials(pipeline.project)


def credentials(project: str) -> "Credentials":
    """The application default credentials; raises UsageError when there are none."""
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        found, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    except DefaultCredentialsError:
        raise UsageError(
            f"there are no Google credentials for project {project}: "
            "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS"
        ) from None
    return found


def connect_warehouse(pipeline: Pipeline, query_timeout: float | None = None) -> Warehouse:
    """A client of the pipeline's dataset, whose queries may take that many seconds (or QUERY_TIMEOUT)."""
    enter(pipeline)
    if isinstance(pipeline, ChainAddress):
        _check("BigQuery", pipeline.bigquery.removeprefix("http://"))
    return Warehouse(pipeline.project, pipeline.dataset, query_timeout or QUERY_TIMEOUT)


def connect_pubsub(pipeline: Pipeline) -> "PubSub":
    """A client of the pipeline's Pub/Sub; close it."""
    from tools.pipeline.pubsub import PubSub

    enter(pipeline)
    if not isinstance(pipeline, ChainAddress):
        return PubSub(None)
    _check("Pub/Sub", pipeline.pubsub)
    return PubSub(pipeline.pubsub)


def connect_firestore(pipeline: Pipeline, deadline: float | None = None) -> "FirestoreDocuments":
    """The pipeline's window documents, for the running event loop; close them.

    A call with its retries may take that many seconds, or as many as the flush's.
    """
    from shared.gcp.firestore import FLUSH_DEADLINE, FirestoreDocuments

    enter(pipeline)
    if isinstance(pipeline, ChainAddress):
        _check("Firestore", pipeline.firestore)
    database = "(default)" if isinstance(pipeline, ChainAddress) else pipeline.firestore_database
    return FirestoreDocuments(pipeline.project, database, deadline or FLUSH_DEADLINE)


def with_documents(
    pipeline: Pipeline, work: "Callable[[FirestoreDocuments], Awaitable[T]]", deadline: float | None = None
) -> T:
    """What `work` returns on the pipeline's window documents; raises CommandError when Firestore fails.

    `deadline` as for connect_firestore.
    """

    async def run() -> T:
        documents = connect_firestore(pipeline, deadline)
        try:
            return await work(documents)
        finally:
            await documents.close()

    try:
        return asyncio.run(run())
    except Retry as error:
        raise CommandError(str(error)) from None


def connect_online_store(pipeline: Pipeline) -> "OnlineStore":
    """A reader of the pipeline's feature view."""
    from tools.pipeline.online_store import OnlineStore

    if isinstance(pipeline, ChainAddress):
        _check("feature store", pipeline.feature_store)
        return OnlineStore(pipeline.feature_store, pipeline.feature_view)
    host = f"{pipeline.region}-aiplatform.googleapis.com"
    return OnlineStore(host, pipeline.feature_view, credentials(pipeline.project))


def connect_feature_view(pipeline: Pipeline) -> "FeatureView":
    """A writer of the pipeline's feature view, for the running event loop; close it."""
    from shared.gcp.feature_store import FeatureView

    enter(pipeline)
    if isinstance(pipeline, ChainAddress):
        _check("feature store", pipeline.feature_store)
    return FeatureView(pipeline.feature_view)


def _check(service: str, endpoint: str) -> None:
    """Raises UsageError when nothing listens: Google's clients would retry for a long time."""
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise UsageError(
            f"the chain's {service} does not answer at {endpoint} ({error.strerror or error}): "
            "is the chain still running (cqc up)?"
        ) from None
