"""The windows' database: in memory, on the Firestore stand-in and on Google's emulator, by the same rules.

What the simulation proves of the windows rests on the first behaving as the last.
"""

import asyncio

import pytest
from google.cloud.firestore import AsyncClient

from shared.clock import from_micros, to_micros, utc_now
from shared.windows.contribution import Contribution
from shared.windows.documents import NEW, Conflict, Documents, Fields, Write
from shared.windows.log import LogWriter, unique_id
from shared.windows.segment import decode
from tests.conformance.backends import Backend


async def names(documents: Documents, place: str, after: str = "", limit: int = 100) -> list[str]:
    """Everything behind an id, page by page."""
    found: list[str] = []
    while page := await documents.list(place, found[-1] if found else after, limit):
        assert len(page) <= limit
        assert not {document.id for document in page} & set(found), "a page goes on behind the one before"
        found += [document.id for document in page]
    return found


async def test_every_kind_of_field_is_read_back_as_it_was_written(documents: Documents, place: str) -> None:
    fields: Fields = {
        "text": "ä\x00",
        "bytes": b"\x00\xff",
        "number": -(2**63),
        "expire_at": 1_780_000_000_123_456,
    }
    await documents.commit([Write(f"{place}/a", fields)])
    reading = await documents.read([f"{place}/a", f"{place}/missing"])
    (document,) = reading.documents.values()
    assert (document.name, document.id, document.fields) == (f"{place}/a", "a", fields)
    assert await documents.list(place, "", 2) == [document]


async def test_an_expiry_is_a_time_to_firestore_by_which_it_deletes(
    documents: Documents, document_backend: Backend | None, place: str
) -> None:
    if document_backend is None:
        pytest.skip("memory deletes nothing")
    await documents.commit([Write(f"{place}/a", {"expire_at": 1_780_000_000_000_000})])
    stored = await AsyncClient(project="conformance").document(f"{place}/a").get()
    assert stored.to_dict() == {"expire_at": from_micros(1_780_000_000_000_000)}


async def test_a_deleted_document_is_neither_read_nor_listed(
    documents: Documents, document_backend: Backend | None, place: str
) -> None:
    if document_backend is None:
        pytest.skip("memory deletes nothing")
    await documents.commit([Write(f"{place}/a", {"n": 1}), Write(f"{place}/b", {"n": 1})])
    for name in ("a", "never"):
        await AsyncClient(project="conformance").document(f"{place}/{name}").delete()
    assert list((await documents.read([f"{place}/a", f"{place}/b"])).documents) == [f"{place}/b"]
    assert await names(documents, place) == ["b"]
    await documents.commit([Write(f"{place}/a", {"n": 2}, NEW)])
    assert await names(documents, place) == ["a", "b"]


async def test_times_are_the_databases_and_in_order(documents: Documents, place: str) -> None:
    before = (await documents.read([f"{place}/a"])).at
    first = await documents.commit([Write(f"{place}/a", {"n": 1})])
    between = await documents.read([f"{place}/a"])
    second = await documents.commit([Write(f"{place}/a", {"n": 2})])
    after = await documents.read([f"{place}/a"])
    assert before <= first.at <= between.at <= second.at <= after.at
    assert abs(first.at - to_micros(utc_now())) < 60_000_000
    assert between.documents[f"{place}/a"].created_at == after.documents[f"{place}/a"].created_at == first.at


async def test_a_read_of_nothing_is_nothing(documents: Documents) -> None:
    assert (await documents.read([])).documents == {}


async def test_a_list_goes_on_behind_an_id_in_the_order_of_ids(documents: Documents, place: str) -> None:
    ids = ["b", "😀", "a-10", "a", "a-9", "Z", "ä", "0001", "a~0", "a+1"]
    await documents.commit([Write(f"{place}/{name}", {"n": 1}) for name in ids])
    await documents.commit([Write(f"{place}x/neighbour", {"n": 1})])
    in_order = sorted(ids, key=str.encode)
    assert await names(documents, place) == in_order
    assert await names(documents, place, limit=2) == in_order
    assert await names(documents, place, after="a-10") == in_order[in_order.index("a-10") + 1 :]
    assert await names(documents, place, after="a-2") == in_order[in_order.index("a-9") :]
    assert await names(documents, place, after="\U0010ffff") == []


async def test_a_document_that_must_be_new_conflicts_with_one_that_is_there(
    documents: Documents, place: str
) -> None:
    await documents.commit([Write(f"{place}/a", {"n": 1}, NEW)])
    with pytest.raises(Conflict):
        await documents.commit([Write(f"{place}/a", {"n": 2}, NEW)])
    assert (await documents.read([f"{place}/a"])).documents[f"{place}/a"].fields == {"n": 1}


async def test_a_commit_is_all_or_none(documents: Documents, place: str) -> None:
    await documents.commit([Write(f"{place}/a", {"n": 1})])
    with pytest.raises(Conflict):
        await documents.commit([Write(f"{place}/b", {"n": 1}), Write(f"{place}/a", {"n": 2}, NEW)])
    assert await names(documents, place) == ["a"]


async def test_a_version_fits_until_the_document_changes(documents: Documents, place: str) -> None:
    name = f"{place}/a"
    first = (await documents.commit([Write(name, {"n": 1})])).versions[0]
    assert (await documents.read([name])).documents[name].version == first
    second = (await documents.commit([Write(name, {"n": 2}, first)])).versions[0]
    assert second != first
    with pytest.raises(Conflict):
        await documents.commit([Write(name, {"n": 3}, first)])
    committed = await documents.commit([Write(f"{place}/b", {"n": 1}), Write(name, {"n": 3}, second)])
    reading = await documents.read([f"{place}/b", name])
    assert [reading.documents[name].version for name in (f"{place}/b", name)] == list(committed.versions)


async def test_every_change_is_another_version_and_a_write_that_changes_nothing_none(
    documents: Documents, place: str
) -> None:
    versions = [(await documents.commit([Write(f"{place}/a", {"n": n})])).versions[0] for n in range(20)]
    assert len(set(versions)) == 20
    assert (await documents.commit([Write(f"{place}/a", {"n": 19})])).versions == versions[-1:]


async def test_the_writes_of_a_commit_share_a_version(documents: Documents, place: str) -> None:
    committed = await documents.commit([Write(f"{place}/{number}", {"n": number}) for number in range(600)])
    assert len(committed.versions) == 600
    assert len(set(committed.versions)) == 1


async def test_only_one_of_several_racing_writes_of_a_version_wins(documents: Documents, place: str) -> None:
    (version,) = (await documents.commit([Write(f"{place}/a", {"n": -1})])).versions
    attempts = (documents.commit([Write(f"{place}/a", {"n": n}, version)]) for n in range(8))
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 7


async def test_a_version_conflicts_where_there_is_no_document(documents: Documents, place: str) -> None:
    with pytest.raises(Conflict):
        await documents.commit([Write(f"{place}/a", {"n": 1}, 1_780_000_000_000_000_000)])


async def test_a_document_is_replaced_whole(documents: Documents, place: str) -> None:
    await documents.commit([Write(f"{place}/a", {"n": 1, "old": "x"})])
    await documents.commit([Write(f"{place}/a", {"n": 2})])
    assert (await documents.read([f"{place}/a"])).documents[f"{place}/a"].fields == {"n": 2}


async def test_more_documents_than_one_call_asks_for_are_read(documents: Documents, place: str) -> None:
    await documents.commit([Write(f"{place}/{number}", {"n": number}) for number in range(400)])
    names = [f"{place}/{number}" for number in range(798, -1, -2)]  # those that exist last
    reading = await documents.read(names)
    assert {document.id for document in reading.documents.values()} == {str(n) for n in range(0, 400, 2)}


async def test_the_largest_batch_of_the_longest_names_is_stored(documents: Documents) -> None:
    names = [f"{number:04}" + "\x00" * 124 for number in range(1_000)]  # six bytes each in JSON
    batch = [Contribution(name, bytes(16), 0, 0, name, "generic", *[0] * 5) for name in names]
    now = utc_now()
    await LogWriter(documents, unique_id).append(batch, now, now)
    stored = await documents.list("window_log", "", 1_000)
    assert sum(event in set(batch) for document in stored for event in decode(document.fields)) >= 500
