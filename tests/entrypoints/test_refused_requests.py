"""Requests that are not Pub/Sub deliveries get a 400 that says what to send; the function keeps serving."""

import orjson
import pytest

from shared.topology import PUSHED
from tests.entrypoints.deliveries import new_id, parsed, push, raw
from tests.entrypoints.server import Answer
from tests.entrypoints.servers import Servers

EVENTS = {"parse": raw, "features": parsed, "deadletter": parsed}
NOT_DELIVERIES = [
    (b"", "the request body is not JSON"),
    (b"not json", "the request body is not JSON"),
    (b"\xff", "the request body is not JSON"),
    (b"[]", "the request body is not a JSON object"),
    (b"{}", 'the request body has no "message" object'),
    (b'{"location_id": "l", "event_type": "t"}', 'the request body has no "message" object'),
    (b'{"message": {"data": ""}}', '"message.messageId" must be a non-empty string'),
    (b'{"message": {"messageId": "1", "data": "!"}}', '"message.data" is not base64'),
    (b'{"message": {"messageId": "1"}, "deliveryAttempt": -1}', '"deliveryAttempt" must be a whole number'),
    (b'{"specversion": "1.0", "data": "text"}', 'the CloudEvent\'s "data" is not an object'),
]
"""Each body, and how the answer begins."""

every_function = pytest.mark.parametrize("function", PUSHED)


def still_serves(servers: Servers, function: str) -> bool:
    body = push(orjson.dumps(EVENTS[function](new_id("good"))), new_id("message"))
    return servers.post(function, body) == Answer(204, "")


@every_function
@pytest.mark.parametrize(("body", "sentence"), NOT_DELIVERIES)
def test_a_body_that_is_not_a_delivery_is_400_with_a_sentence(
    servers: Servers, function: str, body: bytes, sentence: str
) -> None:
    answer = servers.post(function, body)
    assert answer.status == 400
    assert answer.text.startswith(sentence)
    assert still_serves(servers, function)


@every_function
def test_a_get_is_400_and_says_what_to_send(servers: Servers, function: str) -> None:
    answer = servers.server(function).get()
    assert answer.status == 400
    assert "send a Pub/Sub push or a CloudEvent" in answer.text
