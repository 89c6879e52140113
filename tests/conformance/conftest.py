"""Each service twice: stand-in and emulator, one process each for the whole session."""

import time
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from shared.gcp.firestore import FirestoreDocuments
from shared.windows.documents import Documents
from tests.conformance.backends import Backend, Kind, running
from tests.conformance.pubsub import PubSub, connected
from tests.conformance.push_endpoint import PushEndpoint, push_endpoint
from tests.support.memory_documents import Database, MemoryDocuments

MEMORY = "memory"


@pytest.fixture(scope="session", params=list(Kind))
def pubsub_backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    kind = Kind(request.param)
    with running("pubsub", kind, tmp_path_factory.mktemp("pubsub") / f"{kind}.log") as backend:
        yield backend


@pytest.fixture(scope="session", params=[MEMORY, *Kind])
def document_backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend | None]:
    """None for the windows' database in memory."""
    if request.param == MEMORY:
        yield None
        return
    kind = Kind(request.param)
    with running("firestore", kind, tmp_path_factory.mktemp("firestore") / f"{kind}.log") as backend:
        yield backend


@pytest.fixture
async def pubsub(pubsub_backend: Backend) -> AsyncIterator[PubSub]:
    async with connected(pubsub_backend) as clients:
        yield clients


@pytest.fixture
async def endpoint() -> AsyncIterator[PushEndpoint]:
    async with push_endpoint() as listening:
        yield listening


@pytest.fixture
async def documents(
    document_backend: Backend | None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Documents]:
    if document_backend is None:
        yield MemoryDocuments(Database(lambda: time.time_ns() // 1_000))
        return
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", document_backend.address)
    firestore = FirestoreDocuments("conformance", "(default)", deadline=60)  # Java takes its time at first
    yield firestore
    await firestore.close()


@pytest.fixture
def place() -> str:
    """A collection that no other test uses."""
    return f"c{uuid4().hex}"
