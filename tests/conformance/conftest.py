"""Each service twice: stand-in and emulator, one process each for the whole session."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from google.cloud.firestore import AsyncClient, AsyncCollectionReference

from tests.conformance.backends import Backend, Kind, running
from tests.conformance.pubsub import PubSub, connected
from tests.conformance.push_endpoint import PushEndpoint, push_endpoint


@pytest.fixture(scope="session", params=list(Kind))
def pubsub_backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    kind = Kind(request.param)
    with running("pubsub", kind, tmp_path_factory.mktemp("pubsub") / f"{kind}.log") as backend:
        yield backend


@pytest.fixture(scope="session", params=list(Kind))
def firestore_backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
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
async def firestore(firestore_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> AsyncClient:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_backend.address)
    return AsyncClient(project="conformance")


@pytest.fixture
def documents(firestore: AsyncClient) -> AsyncCollectionReference:
    """A collection that no other test uses."""
    return firestore.collection(f"c{uuid4().hex}")
