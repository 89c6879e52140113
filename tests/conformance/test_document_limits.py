"""What Firestore refuses for its size or its name, and takes just below it."""

import asyncio

import pytest

from shared.windows.documents import Documents, Fields, Refused, Write
from tests.conformance.backends import Backend, Kind

MEGABYTE = {"b": b"x" * 1_000_000}


@pytest.mark.parametrize(
    ("most", "more"),
    [
        pytest.param({"b": bytes(1_040_000)}, {"b": bytes(1_048_600)}, id="bytes"),
        pytest.param({"s": "ä" * 520_000}, {"s": "ä" * 524_300}, id="text in UTF-8"),
        pytest.param(
            {"b": bytes(1_028_000)},
            {"b": bytes(1_028_000)} | {f"{n:05}": n for n in range(2_000)},
            id="numbers of 8 bytes",
        ),
    ],
)
async def test_a_document_over_a_mebibyte_is_refused_and_nothing_of_its_commit_stays(
    documents: Documents, place: str, most: Fields, more: Fields
) -> None:
    async with asyncio.timeout(20):  # at once, instead of at the call's deadline
        with pytest.raises(Refused):
            await documents.commit([Write(f"{place}/a", {"n": 1}), Write(f"{place}/b", more)])
    assert await documents.list(place, "", 2) == []
    await documents.commit([Write(f"{place}/b", most)])


@pytest.mark.parametrize("document_id", ["..", ".", "__a__", "x" * 1_501], ids=lambda each: each[:5])
async def test_an_impossible_id_is_refused(
    documents: Documents, document_backend: Backend | None, place: str, document_id: str
) -> None:
    if document_backend is None:
        pytest.skip("memory takes any id")
    with pytest.raises(Refused):
        await documents.commit([Write(f"{place}/{document_id}", {"n": 1})])


async def test_a_reserved_field_name_is_refused(
    documents: Documents, document_backend: Backend | None, place: str
) -> None:
    if document_backend is None:
        pytest.skip("memory takes any field name")
    with pytest.raises(Refused):
        await documents.commit([Write(f"{place}/a", {"__a__": 1})])


async def test_a_commit_of_8_mb_is_taken_and_one_over_10_mib_refused(
    documents: Documents, document_backend: Backend | None, place: str
) -> None:
    if document_backend is None or document_backend.kind is Kind.EMULATOR:
        pytest.skip("the emulator takes no request over 4 MiB, memory any; Firestore documents 10 MiB")
    with pytest.raises(Refused):
        await documents.commit([Write(f"{place}/{number}", MEGABYTE) for number in range(11)])
    assert await documents.list(place, "", 1) == []
    await documents.commit([Write(f"{place}/{number}", MEGABYTE) for number in range(8)])
