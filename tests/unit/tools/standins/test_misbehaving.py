"""The stand-ins' calls under a plan of faults, seen by a client over the real protocol."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tools.faults.injecting import Faults
from tools.faults.plan import Calls, Plan
from tools.faults.running import Running
from tools.standins.serving import conversation, listening, streaming, unary

PART: Literal["firestore"] = "firestore"
MANY = 60
"""Calls, of which some meet a fault and some do not: the dice are the seed's, so always the same ones."""


class Echo:
    """A well-behaved service that keeps what it was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def say(self, message: StringValue) -> StringValue:
        self.heard.append(message.value)
        return message

    async def spell(self, message: StringValue) -> AsyncIterator[StringValue]:
        for letter in message.value:
            yield StringValue(value=letter)

    async def talk(self, messages: AsyncIterator[StringValue]) -> AsyncIterator[StringValue]:
        async for message in messages:
            yield await self.say(message)


@asynccontextmanager
async def speaking(folder: Path, calls: Calls, echo: Echo) -> AsyncIterator[grpc.aio.Channel]:
    Running(plan=Plan(seed=1, heals_at=60, services={PART: calls}), began=time.time()).write(folder)
    methods = {
        "Commit": unary(echo.say, StringValue, StringValue),
        "GetTopic": unary(echo.say, StringValue, StringValue),
        "BatchGetDocuments": streaming(echo.spell, StringValue, StringValue),
        "RunQuery": streaming(echo.spell, StringValue, StringValue),
        "FeatureViewDirectWrite": conversation(echo.talk, StringValue, StringValue),
    }
    async with (
        listening({"S": methods}, "127.0.0.1", 0, Faults(PART, folder)) as endpoint,
        grpc.aio.insecure_channel(endpoint.address) as channel,
    ):
        yield channel


async def outcome(channel: grpc.aio.Channel, text: str, method: str = "Commit") -> str:
    """OK, or the name of the status."""
    call = channel.unary_unary(f"/S/{method}", StringValue.SerializeToString, StringValue.FromString)
    try:
        await call(StringValue(value=text))
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def letters(channel: grpc.aio.Channel, method: str, text: str) -> tuple[str, str]:
    """What arrived of a listing, and how it ended."""
    call = channel.unary_stream(f"/S/{method}", StringValue.SerializeToString, StringValue.FromString)
    found = ""
    try:
        async for answer in call(StringValue(value=text)):
            found += answer.value
    except grpc.aio.AioRpcError as error:
        return found, error.code().name
    return found, "OK"


async def test_a_call_that_fails_has_no_effect(tmp_path: Path) -> None:
    echo = Echo()
    async with speaking(tmp_path, Calls(fails={"ABORTED": 0.3, "INTERNAL": 0.3}), echo) as channel:
        outcomes = {str(number): await outcome(channel, str(number)) for number in range(MANY)}
    assert set(outcomes.values()) == {"OK", "ABORTED", "INTERNAL"}
    assert echo.heard == [text for text, code in outcomes.items() if code == "OK"]


async def test_a_call_whose_answer_is_lost_has_its_effect(tmp_path: Path) -> None:
    echo = Echo()
    async with speaking(tmp_path, Calls(loses_answers=0.5), echo) as channel:
        outcomes = {str(number): await outcome(channel, str(number)) for number in range(MANY)}
    assert set(outcomes.values()) == {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
    assert echo.heard == list(outcomes)


async def test_the_calls_of_the_tools_are_left_alone(tmp_path: Path) -> None:
    async with speaking(tmp_path, Calls(fails={"ABORTED": 0.9}), Echo()) as channel:
        assert {await outcome(channel, "x", "GetTopic") for _ in range(MANY)} == {"OK"}


async def test_a_listing_breaks_off_after_some_of_its_documents(tmp_path: Path) -> None:
    async with speaking(tmp_path, Calls(cuts_listings=0.5), Echo()) as channel:
        found = {await letters(channel, "RunQuery", "abc") for _ in range(MANY)}
    assert found == {("abc", "OK"), ("", "UNAVAILABLE"), ("a", "UNAVAILABLE"), ("ab", "UNAVAILABLE")}


async def test_documents_read_by_name_come_in_another_order_and_listings_do_not(tmp_path: Path) -> None:
    async with speaking(tmp_path, Calls(shuffles_reads=1), Echo()) as channel:
        assert await letters(channel, "BatchGetDocuments", "abc") == ("cba", "OK")
        assert await letters(channel, "RunQuery", "abc") == ("abc", "OK")


@pytest.mark.parametrize(
    ("calls", "ends"),
    [
        # The reset of a stream that the client has not ended may overtake its status.
        (Calls(closes_streams=0.5), {"OK", "INTERNAL"}),
        (Calls(fails={"ABORTED": 0.5}), {"ABORTED"}),
        (Calls(loses_answers=0.5), {"UNAVAILABLE", "DEADLINE_EXCEEDED"}),
    ],
)
async def test_a_stream_ends_between_two_requests_or_in_one(
    tmp_path: Path, calls: Calls, ends: set[str]
) -> None:
    async with speaking(tmp_path, calls, Echo()) as channel:
        found = {await _end_of_a_stream(channel) for _ in range(10)}
    assert found <= ends
    assert found


async def _end_of_a_stream(channel: grpc.aio.Channel) -> str:
    """How the server ended a conversation, question by question, that would go on for ever."""
    call = channel.stream_stream(
        "/S/FeatureViewDirectWrite", StringValue.SerializeToString, StringValue.FromString
    )()
    with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # ended, and its code says how
        while True:
            await call.write(StringValue(value="x"))
            if await call.read() is grpc.aio.EOF:
                break
    code = await call.code()
    return str(code.name)
