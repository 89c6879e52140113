"""A request's way through the push handler and its intake: every verdict and its status."""

import asyncio
import logging
from base64 import b64encode

import orjson
import pytest
from starlette.requests import Request
from starlette.types import Message as AsgiMessage

from shared.dead_letters.brake import BrakeLimits, DeadLetterBrake
from shared.delivery.admission import ByteBudget
from shared.delivery.intake import Intake, Process, SendRejected, VerdictObserver
from shared.delivery.push import PushHandler
from shared.errors import Busy, ErrorType, Reject, Retry
from shared.message import Message
from shared.telemetry.logs import JsonFormatter, LogEvent

PAYLOAD = b"my mother's home"
PUSH = orjson.dumps(
    {"message": {"messageId": "17", "data": b64encode(PAYLOAD).decode()}, "subscription": "s"}
)
BUDGET = ByteBudget(1_000)
REJECT = Reject(ErrorType.SCHEMA_ERROR, "is wrong")


def request(body: bytes = PUSH) -> Request:
    async def receive() -> AsgiMessage:
        return {"type": "http.request", "body": body}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def ending(error: Exception | None) -> Process:
    async def process(_: Message) -> None:
        if error:
            raise error

    return process


def handler(
    process: Process,
    send_rejected: SendRejected | None = None,
    observer: VerdictObserver | None = None,
    budget: ByteBudget = BUDGET,
) -> PushHandler:
    return PushHandler(Intake(process, send_rejected, observer), budget)


async def answer(handler: PushHandler, body: bytes = PUSH) -> tuple[int, str]:
    response = await handler.handle(request(body))
    return response.status_code, bytes(response.body).decode()


async def test_success_is_204_without_a_body() -> None:
    seen: list[Message] = []

    async def process(message: Message) -> None:
        seen.append(message)

    assert await answer(handler(process)) == (204, "")
    assert [(message.message_id, message.data, message.subscription) for message in seen] == [
        ("17", PAYLOAD, "s")
    ]


class DeadLetters:
    """Takes the rejected messages' dead letters, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[tuple[str, Reject]] = []
        self._error = error

    async def send(self, message: Message, reject: Reject) -> None:
        if self._error:
            raise self._error
        self.sent.append((message.message_id, reject))


async def test_reject_is_204_after_its_dead_letter_is_sent() -> None:
    dead_letters = DeadLetters()
    assert await answer(handler(ending(REJECT), dead_letters.send)) == (204, "")
    assert dead_letters.sent == [("17", REJECT)]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [(Retry("the sink is down"), 503, "the sink is down\n"), (Busy("full"), 429, "full\n")],
)
async def test_retry_is_503_and_busy_is_429(error: Retry, status: int, text: str) -> None:
    assert await answer(handler(ending(error))) == (status, text)
    assert await answer(handler(ending(REJECT), DeadLetters(error).send)) == (status, text)


def written(records: list[logging.LogRecord]) -> list[dict[str, object]]:
    """The log lines as Cloud Logging gets them."""
    return [orjson.loads(JsonFormatter("parse", "p").format(record)) for record in records]


async def test_a_retry_logs_the_delivery_and_not_the_payload(caplog: pytest.LogCaptureFixture) -> None:
    await answer(handler(ending(Retry("the sink is down"))))
    (line,) = written(caplog.records)
    assert line == {
        "severity": "ERROR",
        "message": "message 17 failed and Pub/Sub will deliver it again: the sink is down",
        "stage": "parse",
        "event": "message_retried",
        "event_id": None,
        "message_id": "17",
        "subscription": "s",
        "delivery_attempt": None,
    }
    assert PAYLOAD.decode() not in repr(caplog.records[0].__dict__)


async def test_busy_is_backpressure_and_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    await answer(handler(ending(Busy("full"))))
    assert caplog.records == []


async def test_a_refused_request_is_logged_as_such(caplog: pytest.LogCaptureFixture) -> None:
    await answer(handler(ending(None)), b"{}")
    assert [line["event"] for line in written(caplog.records)] == ["request_refused"]


async def test_a_body_that_is_not_a_delivery_is_400_with_a_sentence() -> None:
    status, text = await answer(handler(ending(None)), b"{}")
    assert status == 400
    assert text.startswith('the request body has no "message" object')
    assert text.endswith("\n")


@pytest.mark.parametrize("bug", [ValueError("a bug"), KeyError("x")])
async def test_a_bug_is_raised(bug: Exception) -> None:
    with pytest.raises(type(bug)):
        await answer(handler(ending(bug)))


async def test_a_reject_without_a_dead_letter_topic_is_raised() -> None:
    with pytest.raises(Reject):
        await answer(handler(ending(REJECT)))


def braked(
    *errors: Exception | None, limits: BrakeLimits | None, dead_letters: DeadLetters | None = None
) -> PushHandler:
    """A handler whose messages end one after the other as given."""
    endings = iter(errors)

    async def process(_: Message) -> None:
        if error := next(endings):
            raise error

    send = (dead_letters or DeadLetters()).send
    return handler(process, send, DeadLetterBrake(limits, lambda: 100.0))


LIMITS = BrakeLimits(share=0.5, minimum=2, period=60)


async def test_a_held_message_is_503_and_no_dead_letter_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    dead_letters = DeadLetters()
    under_brake = braked(REJECT, REJECT, REJECT, limits=LIMITS, dead_letters=dead_letters)
    assert await answer(under_brake) == (204, "")
    status, text = await answer(under_brake)
    assert status == 503
    assert text.startswith("held instead of dead-lettered, because most messages are rejected now (is wrong)")
    assert (await answer(under_brake))[0] == 503
    assert len(dead_letters.sent) == 1  # the first, before the brake engaged
    assert [record.__dict__["event"] for record in caplog.records] == [LogEvent.DEAD_LETTER_BRAKE_ENGAGED]


async def test_a_retry_counts_as_not_rejected() -> None:
    """Otherwise the few rejected messages of an outage would be all that counts."""
    under_brake = braked(*[Retry("down")] * 5, REJECT, REJECT, REJECT, REJECT, limits=LIMITS)
    statuses = [(await answer(under_brake))[0] for _ in range(9)]
    assert statuses == [503] * 5 + [204] * 4


async def test_a_brake_that_is_off_holds_nothing() -> None:
    under_brake = braked(*[REJECT] * 9, limits=None)
    assert [(await answer(under_brake))[0] for _ in range(9)] == [204] * 9


async def test_a_body_beyond_the_byte_budget_is_429() -> None:
    status, text = await answer(handler(ending(None), budget=ByteBudget(10)))
    assert status == 429
    assert text.endswith("exceed 10 (MAX_BYTES_IN_FLIGHT): delivery will be repeated\n")


async def test_a_bodys_bytes_are_held_until_it_is_answered() -> None:
    """What it became is in memory for as long."""
    may_end, is_begun = asyncio.Event(), asyncio.Event()

    async def process(_: Message) -> None:
        is_begun.set()
        await may_end.wait()

    slow = handler(process, budget=ByteBudget(int(1.5 * len(PUSH))))
    first = asyncio.create_task(answer(slow))
    await is_begun.wait()
    assert (await asyncio.wait_for(answer(slow), 10))[0] == 429
    may_end.set()
    assert await first == (204, "")
    assert await answer(slow) == (204, "")


async def test_a_sender_that_leaves_is_a_line_in_the_log_and_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def receive() -> AsgiMessage:
        return {"type": "http.disconnect"}

    gone = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with caplog.at_level(logging.WARNING, "cqc"):
        assert (await handler(ending(None)).handle(gone)).status_code == 400
    (line,) = written(caplog.records)
    assert (line["severity"], line["event"]) == ("WARNING", "request_refused")
