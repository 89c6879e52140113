"""Commits: atomicity, preconditions, and the versions that preconditions compare."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from google.cloud.firestore import DELETE_FIELD, SERVER_TIMESTAMP, AsyncClient, AsyncCollectionReference

from tests.conformance.backends import Backend, Kind

SMALL_REQUESTS = "the emulator accepts no request over 4 MiB, Firestore documents 10"


async def test_a_created_document_exists_and_is_not_created_twice(
    documents: AsyncCollectionReference,
) -> None:
    document = documents.document("a")
    assert not (await document.get()).exists
    result = await document.create({"count": 1, "seen": b"\x00", "nested": {"list": [1, None, "x"]}})
    found = await document.get()
    assert found.to_dict() == {"count": 1, "seen": b"\x00", "nested": {"list": [1, None, "x"]}}
    assert found.create_time == found.update_time == result.update_time
    with pytest.raises(AlreadyExists):
        await document.create({"count": 2})
    assert (await document.get()).to_dict() == found.to_dict()


async def test_set_replaces_and_update_keeps_the_rest(documents: AsyncCollectionReference) -> None:
    document = documents.document("a")
    await document.set({"a": 1, "b": {"c": 1, "d": 2}})
    await document.update({"a": 2, "b.c": DELETE_FIELD, "b.`odd name`": 3, "new.deep": True})
    assert (await document.get()).to_dict() == {
        "a": 2,
        "b": {"d": 2, "odd name": 3},
        "new": {"deep": True},
    }
    await document.set({"only": "this"})
    assert (await document.get()).to_dict() == {"only": "this"}
    await document.set({"also": "that"}, merge=True)
    assert (await document.get()).to_dict() == {"only": "this", "also": "that"}


async def test_update_requires_the_document(documents: AsyncCollectionReference) -> None:
    with pytest.raises(NotFound):
        await documents.document("absent").update({"a": 1})
    assert not (await documents.document("absent").get()).exists


async def test_delete_requires_the_document_only_with_a_precondition(
    firestore: AsyncClient, documents: AsyncCollectionReference
) -> None:
    document = documents.document("a")
    await document.delete()
    with pytest.raises(NotFound):
        await document.delete(option=firestore.write_option(exists=True))
    await document.create({"a": 1})
    await document.delete(option=firestore.write_option(exists=True))
    assert not (await document.get()).exists


async def test_an_update_time_precondition_holds_for_that_version_only(
    firestore: AsyncClient, documents: AsyncCollectionReference
) -> None:
    document = documents.document("control")
    await document.create({"holder": "one"})
    seen = firestore.write_option(last_update_time=(await document.get()).update_time)
    await document.update({"holder": "two"}, option=seen)
    with pytest.raises(FailedPrecondition):
        await document.update({"holder": "three"}, option=seen)
    with pytest.raises(FailedPrecondition):
        await document.delete(option=seen)
    with pytest.raises(FailedPrecondition):
        await documents.document("absent").update({"holder": "three"}, option=seen)
    assert (await document.get()).to_dict() == {"holder": "two"}


async def test_only_one_of_several_racing_updates_of_a_version_wins(
    firestore: AsyncClient, documents: AsyncCollectionReference
) -> None:
    document = documents.document("control")
    result = await document.create({"holder": ""})
    seen = firestore.write_option(last_update_time=result.update_time)
    attempts = (document.update({"holder": str(number)}, option=seen) for number in range(8))
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, FailedPrecondition)]
    assert len(refused) == 7


async def test_a_commit_is_all_or_nothing(
    firestore: AsyncClient, documents: AsyncCollectionReference
) -> None:
    await documents.document("there").create({"version": 1})
    await documents.document("deleted").create({"version": 1})
    batch = firestore.batch()
    batch.create(documents.document("new"), {"version": 2})
    batch.delete(documents.document("deleted"))
    batch.create(documents.document("there"), {"version": 2})
    with pytest.raises(AlreadyExists):
        await batch.commit()
    assert not (await documents.document("new").get()).exists
    assert (await documents.document("deleted").get()).exists
    assert (await documents.document("there").get()).to_dict() == {"version": 1}


async def test_the_writes_of_a_commit_share_one_time(
    firestore: AsyncClient, documents: AsyncCollectionReference
) -> None:
    batch = firestore.batch()
    for number in range(600):
        batch.set(documents.document(str(number)), {"number": number})
    results = await batch.commit()
    assert len(results) == 600
    assert {result.update_time for result in results} == {batch.commit_time}


async def test_a_commit_applies_writes_to_a_document_in_order(
    firestore: AsyncClient, documents: AsyncCollectionReference
) -> None:
    document = documents.document("a")
    batch = firestore.batch()
    batch.create(document, {"a": 1})
    batch.set(document, {"b": 1})
    batch.update(document, {"c": 1})
    await batch.commit()
    assert (await document.get()).to_dict() == {"b": 1, "c": 1}


async def test_the_update_time_of_a_document_rises_with_every_change(
    documents: AsyncCollectionReference,
) -> None:
    document = documents.document("a")
    results: list[Any] = [await document.set({"number": number}) for number in range(20)]
    times = [result.update_time for result in results]
    assert times == sorted(set(times))
    assert (await document.get()).create_time == times[0]


async def test_a_write_that_changes_nothing_keeps_the_update_time(
    documents: AsyncCollectionReference,
) -> None:
    """So a fence by update_time must write something new each time."""
    document = documents.document("a")
    created = await document.create({"a": 1, "b": {"c": 2}})
    assert (await document.set({"a": 1, "b": {"c": 2}})).update_time == created.update_time
    assert (await document.update({"b.c": 2})).update_time == created.update_time
    assert (await document.get()).update_time == created.update_time


async def test_a_server_timestamp_is_the_time_of_the_request(documents: AsyncCollectionReference) -> None:
    document = documents.document("a")
    result: Any = await document.set({"at": SERVER_TIMESTAMP, "nested": {"at": SERVER_TIMESTAMP}})
    fields = (await document.get()).to_dict() or {}
    assert fields["at"] == fields["nested"]["at"]
    assert fields["at"].microsecond % 1000 == 0
    assert abs(fields["at"] - result.update_time) < timedelta(seconds=5)


async def test_an_empty_commit_succeeds(firestore: AsyncClient) -> None:
    assert await firestore.batch().commit() == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"a": b"x" * 1_048_576}, id="over 1 MiB of bytes"),
        pytest.param({"a": [2] * 140_000}, id="over 1 MiB of integers at 8 bytes"),
        pytest.param({"a": [[1]]}, id="an array in an array"),
        pytest.param({"__a__": 1}, id="a reserved field name"),
    ],
)
async def test_an_impossible_document_is_refused(
    documents: AsyncCollectionReference, fields: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArgument):
        await documents.document("a").set(fields)
    assert not (await documents.document("a").get()).exists


async def test_a_document_of_almost_1_mib_is_accepted(documents: AsyncCollectionReference) -> None:
    await documents.document("a").set({"a": b"x" * 1_048_000})
    assert len(((await documents.document("a").get()).to_dict() or {})["a"]) == 1_048_000


@pytest.mark.parametrize(
    "document_id", ["..", ".", "__a__", "x" * 1_501], ids=lambda document_id: document_id[:5]
)
async def test_an_impossible_id_is_refused(documents: AsyncCollectionReference, document_id: str) -> None:
    with pytest.raises(InvalidArgument):
        await documents.document(document_id).set({"a": 1})


async def test_a_commit_over_10_mib_is_refused(
    firestore: AsyncClient, documents: AsyncCollectionReference, firestore_backend: Backend
) -> None:
    if firestore_backend.kind is Kind.EMULATOR:
        pytest.skip(SMALL_REQUESTS)
    batch = firestore.batch()
    for number in range(11):
        batch.set(documents.document(str(number)), {"a": b"x" * 1_000_000})
    with pytest.raises(InvalidArgument):
        await batch.commit()


async def test_a_commit_of_8_mb_is_accepted(
    firestore: AsyncClient, documents: AsyncCollectionReference, firestore_backend: Backend
) -> None:
    if firestore_backend.kind is Kind.EMULATOR:
        pytest.skip(SMALL_REQUESTS)
    batch = firestore.batch()
    for number in range(8):
        batch.set(documents.document(str(number)), {"a": b"x" * 1_000_000})
    assert len(await batch.commit()) == 8
