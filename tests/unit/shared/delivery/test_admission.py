"""The byte budget: what is admitted, what is refused before and while it is read, what is given back."""

import asyncio

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message as AsgiMessage

from shared.delivery import admission as module
from shared.delivery.admission import SMALL, Admission, ByteBudget
from shared.errors import Busy
from tests.support.sender import Sender

LIMIT = 100


@pytest.fixture
def budget() -> ByteBudget:
    return ByteBudget(LIMIT)


async def test_a_body_within_the_budget_is_read_whole(budget: ByteBudget) -> None:
    with Admission(budget) as admission:
        assert (
            await admission.read(*Sender(b"a" * 60, b"b" * 40, declared=100).request) == b"a" * 60 + b"b" * 40
        )


async def test_a_declared_length_over_the_budget_is_refused_before_anything_is_read(
    budget: ByteBudget,
) -> None:
    sender = Sender(b"a" * 101, declared=101)
    with Admission(budget) as admission, pytest.raises(Busy, match="101 more would exceed 100"):
        await admission.read(*sender.request)
    assert sender.received == 0


@pytest.mark.parametrize("declared", [None, 10], ids=["chunked", "more than it says"])
async def test_a_body_of_unknown_length_is_refused_at_the_chunk_that_does_not_fit(
    budget: ByteBudget, declared: int | None
) -> None:
    sender = Sender(b"a" * 60, b"b" * 60, b"c" * 60, declared=declared)
    with Admission(budget) as admission, pytest.raises(Busy):
        await admission.read(*sender.request)
    assert sender.received == 2


async def test_the_chunks_of_a_body_count_once(budget: ByteBudget) -> None:
    with Admission(budget) as admission:
        assert await admission.read(*Sender(b"a" * 40, b"b" * 40, b"c" * 20).request)


async def test_what_is_held_counts_until_its_request_is_answered(budget: ByteBudget) -> None:
    sixty = Sender(b"a" * 60, declared=60)
    with Admission(budget) as first:
        await first.read(*sixty.request)
        with Admission(budget) as second, pytest.raises(Busy, match="holds 60 bytes"):
            await second.read(*sixty.request)
    with Admission(budget) as third:
        await third.read(*Sender(b"a" * 100, declared=100).request)


async def test_a_refused_body_gives_back_what_it_had_taken(budget: ByteBudget) -> None:
    with Admission(budget) as refused, pytest.raises(Busy):
        await refused.read(*Sender(b"a" * 60, b"b" * 60).request)
    with Admission(budget) as admission:
        await admission.read(*Sender(b"a" * 100, declared=100).request)


async def test_a_sender_that_leaves_in_the_middle_gives_back_what_it_had_taken(budget: ByteBudget) -> None:
    with Admission(budget) as left, pytest.raises(ClientDisconnect):
        await left.read(*Sender(b"a" * 60, declared=100, leaves=True).request)
    with Admission(budget) as admission:
        await admission.read(*Sender(b"a" * 100, declared=100).request)


@pytest.mark.parametrize("declared", [None, SMALL + 1], ids=["of unknown length", "large"])
async def test_a_body_that_dawdles_gives_its_share_back(
    declared: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.01)
    budget = ByteBudget(SMALL + 1)
    scope, _ = Sender(declared=declared).request
    with Admission(budget) as dawdling, pytest.raises(Busy, match="not there within"):
        await asyncio.wait_for(dawdling.read(scope, asyncio.Event().wait), 5)  # type: ignore[arg-type]
    with Admission(budget) as admission:
        await admission.read(*Sender(b"a", declared=SMALL + 1).request)


async def test_a_small_body_may_take_its_time(budget: ByteBudget, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds next to nothing, and a timer for each would be the hot path's."""
    monkeypatch.setattr(module, "READ_SECONDS", 0)
    sender = Sender(b"a", b"b", declared=2)

    async def slowly() -> AsgiMessage:
        await asyncio.sleep(0)
        return await sender.request[1]()

    with Admission(budget) as admission:
        assert await admission.read(sender.request[0], slowly) == b"ab"
