"""A request's way through a stage: every verdict and its status."""

from base64 import b64encode

import orjson
import pytest
from starlette.requests import Request
from starlette.types import Message as AsgiMessage

from shared.dead_letters.brake import BrakeLimits, DeadLetterBrake
from shared.delivery.handler import Process, PushHandler
from shared.errors import Busy, ErrorType, Reject, Retry
from shared.message import Message

PUSH = orjson.dumps(
    {"message": {"messageId": "17", "data": b64encode(b"data").decode()}, "subscription": "s"}
)
REJECT = Reject(ErrorType.SCHEMA_ERROR, "is wrong")


def request(body: bytes = PUSH) -> Request:
    async def receive() -> AsgiMessage:
        return {"type": "http.request", "body": body}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def raising(error: Exception | None) -> Process:
    async def process(_: Message) -> None:
        if error:
            raise error

    return process


async def answer(stage: PushHandler, body: bytes = PUSH) -> tuple[int, str]:
    response = await stage.handle(request(body))
    return response.status_code, bytes(response.body).decode()


async def test_a_message_that_is_done_is_204_without_a_body() -> None:
    seen: list[Message] = []

    async def process(message: Message) -> None:
        seen.append(message)

    assert await answer(PushHandler(process)) == (204, "")
    assert [(one.message_id, one.data, one.subscription) for one in seen] == [("17", b"data", "s")]


async def test_a_rejected_message_is_204_once_its_dead_letter_is_sent() -> None:
    sent: list[tuple[str, Reject]] = []

    async def send(message: Message, reject: Reject) -> None:
        sent.append((message.message_id, reject))

    assert await answer(PushHandler(raising(REJECT), send)) == (204, "")
    assert sent == [("17", REJECT)]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [(Retry("the sink is down"), 503, "the sink is down\n"), (Busy("full"), 429, "full\n")],
)
async def test_what_may_succeed_later_says_so_whoever_could_not(error: Retry, status: int, text: str) -> None:
    async def send(_: Message, __: Reject) -> None:
        raise error

    assert await answer(PushHandler(raising(error))) == (status, text)
    assert await answer(PushHandler(raising(REJECT), send)) == (status, text)


async def test_a_body_that_is_no_delivery_is_400_with_a_sentence() -> None:
    status, text = await answer(PushHandler(raising(None)), b"{}")
    assert status == 400
    assert text.startswith('the request body has no "message" object')
    assert text.endswith("\n")


@pytest.mark.parametrize("bug", [ValueError("a bug"), KeyError("x")])
async def test_a_bug_stays_loud(bug: Exception) -> None:
    with pytest.raises(type(bug)):
        await answer(PushHandler(raising(bug)))


async def test_a_reject_where_none_is_expected_stays_loud() -> None:
    with pytest.raises(Reject):
        await answer(PushHandler(raising(REJECT)))


def holding(*statuses_of: Exception | None, limits: BrakeLimits | None) -> PushHandler:
    """A stage whose messages end one after the other as given."""
    endings = iter(statuses_of)

    async def process(_: Message) -> None:
        if error := next(endings):
            raise error

    async def send(_: Message, __: Reject) -> None:
        return None

    return PushHandler(process, send, DeadLetterBrake(limits, lambda: 100.0))


LIMITS = BrakeLimits(share=0.5, minimum=2, period=60)


async def test_when_most_are_rejected_they_are_held_and_nothing_is_dead_lettered() -> None:
    stage = holding(REJECT, REJECT, REJECT, limits=LIMITS)
    assert await answer(stage) == (204, "")
    status, text = await answer(stage)
    assert status == 503
    assert text.startswith("held and no dead letter, as most messages are rejected now (is wrong)")
    assert (await answer(stage))[0] == 503


async def test_a_message_that_a_sink_does_not_take_is_not_rejected() -> None:
    """Or the few bad ones of an outage would be all that counts."""
    stage = holding(*[Retry("down")] * 5, REJECT, REJECT, REJECT, REJECT, limits=LIMITS)
    statuses = [(await answer(stage))[0] for _ in range(9)]
    assert statuses == [503] * 5 + [204] * 4


async def test_a_brake_that_is_off_holds_nothing() -> None:
    stage = holding(*[REJECT] * 9, limits=None)
    assert [(await answer(stage))[0] for _ in range(9)] == [204] * 9
