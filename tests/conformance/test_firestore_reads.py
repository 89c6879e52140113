"""Reads: by name, by collection ordered by name, page by page, and counted."""

from typing import Any

import pytest
from google.cloud.firestore import AsyncClient, AsyncCollectionReference
from google.cloud.firestore_v1.async_query import AsyncQuery

IDS = ["a", "b", "n1", "n10", "n2", "é", "😀"]
"""Ordered by their UTF-8 bytes, as in Firestore."""


@pytest.fixture
async def filled(firestore: AsyncClient, documents: AsyncCollectionReference) -> AsyncCollectionReference:
    """A collection with IDS, written in another order, and a neighbour whose name has the same start."""
    batch = firestore.batch()
    for document_id in reversed(IDS):
        batch.create(documents.document(document_id), {"own": document_id, "other": 1})
    batch.create(firestore.collection(f"{documents.id}x").document("neighbour"), {"a": 1})
    await batch.commit()
    return documents


async def ids(query: AsyncQuery | AsyncCollectionReference) -> list[str]:
    return [snapshot.id async for snapshot in query.stream()]


async def test_a_collection_streams_in_the_order_of_ids(filled: AsyncCollectionReference) -> None:
    assert await ids(filled) == IDS
    assert await ids(filled.order_by("__name__")) == IDS


async def test_a_streamed_document_is_the_stored_one(filled: AsyncCollectionReference) -> None:
    (streamed,) = [snapshot async for snapshot in filled.limit(1).stream()]
    stored = await filled.document("a").get()
    assert streamed.to_dict() == stored.to_dict() == {"own": "a", "other": 1}
    assert (streamed.update_time, streamed.create_time) == (stored.update_time, stored.create_time)
    assert streamed.read_time >= stored.update_time


async def test_an_empty_collection_streams_nothing(documents: AsyncCollectionReference) -> None:
    assert await ids(documents) == []


async def test_a_limit_returns_the_first_documents(filled: AsyncCollectionReference) -> None:
    assert await ids(filled.limit(3)) == IDS[:3]
    assert await ids(filled.limit(100)) == IDS


async def test_pages_by_start_after_cover_the_collection(filled: AsyncCollectionReference) -> None:
    pages = []
    query = filled.order_by("__name__").limit(3)
    while page := [snapshot async for snapshot in query.stream()]:
        pages.append([snapshot.id for snapshot in page])
        query = filled.order_by("__name__").start_after(page[-1]).limit(3)
    assert pages == [IDS[:3], IDS[3:6], IDS[6:]]


async def test_a_cursor_needs_no_existing_document(filled: AsyncCollectionReference) -> None:
    after = {"__name__": filled.document("n0")}
    assert await ids(filled.order_by("__name__").start_after(after)) == IDS[2:]
    at = {"__name__": filled.document("n1")}
    assert await ids(filled.order_by("__name__").start_at(at)) == IDS[2:]
    assert await ids(filled.order_by("__name__").start_after(at)) == IDS[3:]


async def test_an_empty_selection_returns_names_without_fields(filled: AsyncCollectionReference) -> None:
    snapshots = [snapshot async for snapshot in filled.select([]).stream()]
    assert [(snapshot.id, snapshot.to_dict()) for snapshot in snapshots] == [
        (document_id, {}) for document_id in IDS
    ]


async def test_only_selected_fields_are_returned(filled: AsyncCollectionReference) -> None:
    snapshots = [snapshot async for snapshot in filled.select(["own"]).limit(1).stream()]
    assert [snapshot.to_dict() for snapshot in snapshots] == [{"own": "a"}]


async def test_a_subcollection_needs_no_parent_document(documents: AsyncCollectionReference) -> None:
    locations = documents.document("2024-01-01T00:00:00Z").collection("locations")
    seen = documents.document("2024-01-01T00:00:00Z").collection("seen")
    await locations.document("@1-1").create({"a": 1})
    await seen.document("@1-1~0").create({"a": 1})
    assert await ids(locations) == ["@1-1"]
    assert await ids(seen) == ["@1-1~0"]
    assert await ids(documents) == []


async def test_deleted_documents_are_neither_streamed_nor_counted(filled: AsyncCollectionReference) -> None:
    await filled.document("b").delete()
    assert await ids(filled) == [document_id for document_id in IDS if document_id != "b"]
    assert await count(filled) == len(IDS) - 1


async def count(query: AsyncQuery | AsyncCollectionReference) -> int:
    counting: Any = query.count(alias="all")  # its type stubs are wrong
    ((result,),) = await counting.get()
    return int(result.value)


async def test_count_counts_what_the_query_would_stream(
    filled: AsyncCollectionReference, firestore: AsyncClient
) -> None:
    assert await count(filled) == len(IDS)
    assert await count(filled.limit(4)) == 4
    assert await count(firestore.collection(f"{filled.id}-absent")) == 0


async def test_get_all_marks_absent_documents(
    firestore: AsyncClient, filled: AsyncCollectionReference
) -> None:
    wanted = [filled.document(document_id) for document_id in ("a", "absent", "n10")]
    found = {snapshot.id: snapshot async for snapshot in firestore.get_all(wanted)}
    assert {document_id: snapshot.exists for document_id, snapshot in found.items()} == {
        "a": True,
        "absent": False,
        "n10": True,
    }
    assert found["n10"].to_dict() == {"own": "n10", "other": 1}


async def test_get_all_of_selected_fields(firestore: AsyncClient, filled: AsyncCollectionReference) -> None:
    snapshots = [s async for s in firestore.get_all([filled.document("a")], field_paths=["own"])]
    assert [snapshot.to_dict() for snapshot in snapshots] == [{"own": "a"}]
