"""What a request asks to flush: a shard, all of them, or nothing that can be done."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from functions.aggregate import asking
from functions.aggregate.asking import MAX_BODY, Refused, shard_asked_for
from tests.support.sender import Sender

LARGEST = b"x" * MAX_BODY


async def asked(*chunks: bytes, declared: int | None = None) -> int | None:
    return await shard_asked_for(Request(*Sender(*chunks, declared=declared).request))


@pytest.mark.parametrize(
    ("body", "shard"),
    [
        (b'{"shard": 0}', 0),
        (b'{"shard": 63}', 63),
        (b'{"shard": null}', None),
        (b"{}", None),
        (b"[]", None),
        (b"", None),
        (b"\xff", None),
        (b"[" * 2_000, None),
        (LARGEST, None),
    ],
    ids=range(9),
)
async def test_a_body_names_a_shard_or_all_of_them_whatever_it_is(body: bytes, shard: int | None) -> None:
    assert await asked(body, declared=len(body)) == shard
    assert await asked(body[:5], body[5:]) == shard


@pytest.mark.parametrize("body", [b'{"shard": "0"}', b'{"shard": -1}', b'{"shard": true}', b'{"shard": 1.5}'])
async def test_a_shard_that_is_not_a_number_from_0_on_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match="must be a number from 0 on") as refused:
        await asked(body)
    assert refused.value.status == 400


async def test_a_declared_length_that_is_too_large_is_refused_before_anything_is_read() -> None:
    sender = Sender(LARGEST, b"x", declared=MAX_BODY + 1)
    with pytest.raises(Refused, match="has more than 65536 bytes: send none") as refused:
        await shard_asked_for(Request(*sender.request))
    assert (refused.value.status, sender.received) == (413, 0)


async def test_a_body_without_a_length_is_read_as_far_as_it_is_allowed() -> None:
    sender = Sender(LARGEST, b"x", b"never read")
    with pytest.raises(Refused, match="has more than 65536 bytes") as refused:
        await shard_asked_for(Request(*sender.request))
    assert (refused.value.status, sender.received) == (413, 2)


async def test_a_sender_that_leaves_is_refused() -> None:
    with pytest.raises(Refused, match="its sender left before the body was whole") as refused:
        await shard_asked_for(Request(*Sender(b"{", leaves=True).request))
    assert refused.value.status == 400


async def test_a_body_that_does_not_come_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "READ_SECONDS", 0.01)

    async def silence() -> Message:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(Refused, match="the body was not there within") as refused:
        await asyncio.wait_for(shard_asked_for(Request({"type": "http", "headers": []}, silence)), 5)
    assert refused.value.status == 408
