"""A heartbeat is logged with how long it took, and reaches no sink; an event that pretends to be one does."""

import logging

import pytest

from functions.features.heartbeat import answering_heartbeats
from shared.message import HEARTBEAT_ATTRIBUTE, HEARTBEAT_DATA, PROBE_ATTRIBUTE, Message
from tests.unit.builders import NOW

SENT = {HEARTBEAT_ATTRIBUTE: "2026-03-11T11:59:58+00:00"}


def message(data: bytes, attributes: dict[str, str]) -> Message:
    return Message(data, "1", attributes, NOW, "s", 1)


async def processed(delivery: Message) -> list[Message]:
    seen: list[Message] = []

    async def process(got: Message) -> None:
        seen.append(got)

    await answering_heartbeats(process, lambda: NOW)(delivery)
    return seen


async def test_a_heartbeat_is_logged_with_its_latency_and_goes_no_further(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "cqc"):
        assert await processed(message(HEARTBEAT_DATA, SENT)) == []
    (line,) = caplog.records
    assert line.__dict__["event"] == "heartbeat_received"
    assert line.__dict__["counts"] == {"latency_seconds": 2.0}


async def test_a_probe_is_a_heartbeat_whose_name_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "cqc"):
        assert await processed(message(HEARTBEAT_DATA, SENT | {PROBE_ATTRIBUTE: "probe-1"})) == []
    (line,) = caplog.records
    assert (line.__dict__["event"], line.__dict__["event_id"]) == ("heartbeat_received", "probe-1")


@pytest.mark.parametrize(
    ("data", "attributes"),
    [(b'{"event_id":"e"}', SENT), (HEARTBEAT_DATA, {})],
    ids=["other data", "unmarked"],
)
async def test_what_is_not_wholly_a_heartbeat_is_an_event(data: bytes, attributes: dict[str, str]) -> None:
    event = message(data, attributes)
    assert await processed(event) == [event]
