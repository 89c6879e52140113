"""FirestoreDocuments when its connection freezes half-open: it takes every byte and answers nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.errors import Retry
from shared.gcp.firestore import FirestoreDocuments
from shared.windows.documents import NEW, Write
from tests.support.freezing_proxy import FreezingProxy, freezing_proxy
from tools.standins.firestore import serve

DEADLINE = 5.0


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FreezingProxy]:
    """On the way to a Firestore."""
    async with serve() as endpoint, freezing_proxy(endpoint.address) as (proxy, address):
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", address)
        yield proxy


@pytest.fixture
async def documents(proxy: FreezingProxy) -> AsyncIterator[FirestoreDocuments]:
    assert proxy.connections == 0
    documents = FirestoreDocuments("p", "(default)", DEADLINE, try_seconds=0.1)
    yield documents
    await documents.close()


def document(name: str) -> Write:
    return Write(f"c/{name}", {"text": name}, NEW)


async def test_the_call_that_meets_a_frozen_connection_succeeds_over_a_new_one(
    documents: FirestoreDocuments, proxy: FreezingProxy
) -> None:
    await documents.commit([document("first")])
    proxy.freeze()
    for number in range(40):
        await documents.commit([document(f"{number:02}")])
    assert len(await documents.list("c", "", 100)) == 41
    assert proxy.connections < 10  # two, and some more where the machine is too busy for a try


async def test_calls_under_way_on_a_connection_that_freezes_succeed_too(
    documents: FirestoreDocuments, proxy: FreezingProxy
) -> None:
    await documents.commit([document("first")])
    proxy.freeze()
    readings = await asyncio.gather(*(documents.read(["c/first"]) for _ in range(20)))
    assert all(reading.documents.keys() == {"c/first"} for reading in readings)


async def test_where_every_connection_freezes_a_call_is_a_retry_within_its_deadline(
    proxy: FreezingProxy,
) -> None:
    proxy.freezes_new = True
    documents = FirestoreDocuments("p", "(default)", deadline=0.5, try_seconds=0.1)
    async with asyncio.timeout(10):  # far beyond that deadline, and short of the test's limit
        with pytest.raises(Retry, match=r"reading documents in Firestore failed for 0\.5 s"):
            await documents.read(["c/first"])
    proxy.freezes_new = False
    assert (await documents.read(["c/first"])).documents == {}
    await documents.close()
