"""Every shape in which a message may arrive, and the ways in which it may be malformed."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.delivery.envelope import decode_request
from shared.errors import BadRequest
from shared.message import Message
from tests.unit.builders import outcome
from tests.unit.strategies import json_values, texts

DATA = b'{"location_id": "1-1"}'
ENCODED = b64encode(DATA).decode()
PUBLISHED = datetime(2026, 3, 11, 12, 0, 0, 123_000, tzinfo=UTC)
SUBSCRIPTION = "projects/p/subscriptions/s"
MESSAGE = Message(DATA, "17", {"origin": "cqc"}, PUBLISHED, SUBSCRIPTION, 3)

CAMEL = {
    "data": ENCODED,
    "messageId": "17",
    "attributes": {"origin": "cqc"},
    "publishTime": "2026-03-11T12:00:00.123Z",
}
SNAKE = {
    "data": ENCODED,
    "message_id": "17",
    "attributes": {"origin": "cqc"},
    "publish_time": "2026-03-11T12:00:00.123Z",
}


def push(**message: object) -> dict[str, object]:
    """A wrapped push; a member of the value `...` is left out."""
    inner = {name: value for name, value in (CAMEL | message).items() if value is not ...}
    return {"message": inner, "subscription": SUBSCRIPTION, "deliveryAttempt": 3}


def decode(body: object) -> Message:
    return decode_request(body if isinstance(body, bytes) else orjson.dumps(body))


def structured(**members: object) -> dict[str, object]:
    event = {"specversion": "1.0", "id": "17", "source": "//pubsub.googleapis.com/projects/p/topics/t"}
    return event | {"type": "google.cloud.pubsub.topic.v1.messagePublished"} | members


@pytest.mark.parametrize("message", [CAMEL, SNAKE, CAMEL | SNAKE], ids=["camelCase", "snake_case", "both"])
def test_a_wrapped_push_and_the_body_of_a_binary_cloud_event_are_read(message: dict[str, object]) -> None:
    assert decode(push() | {"message": message}) == MESSAGE


def test_a_structured_cloud_event_is_read() -> None:
    assert decode(structured(data=push())) == MESSAGE


def test_a_structured_cloud_event_in_base64_is_read() -> None:
    assert decode(structured(data_base64=b64encode(orjson.dumps(push())).decode())) == MESSAGE


LISTS = b"[" + b"[]," * 1_000_000 + b"[]]"


@pytest.mark.parametrize(
    "body",
    [
        LISTS,
        b'{"message":{"messageId":"17","attributes":%s}}' % LISTS,
        b'{"specversion":"1.0","data_base64":"%s"}' % b64encode(LISTS),
    ],
    ids=["alone", "in a delivery", "in base64"],
)
def test_a_body_that_would_take_far_more_memory_than_its_bytes_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="has far more values than a delivery"):
        decode_request(body)


def test_a_delivery_of_the_largest_message_and_attributes_of_commas_is_read() -> None:
    commas = {f"{number:256}": "," * 1_024 for number in range(100)}
    decoded = decode(push(data=b64encode(b"," * 10_000_000).decode(), attributes=commas))
    assert (len(decoded.data), decoded.attributes) == (10_000_000, commas)


def test_fields_that_the_emulator_leaves_out_are_unknown() -> None:
    body = {"message": {"messageId": "17"}}
    assert decode(body) == Message(b"", "17", {}, None, "", None)
    assert decode({"message": {"messageId": "17", "attributes": None, "data": ""}}) == decode(body)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-11T12:00:00Z", datetime(2026, 3, 11, 12, tzinfo=UTC)),
        ("2026-03-11T12:00:00.123456789Z", datetime(2026, 3, 11, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-03-11T13:00:00+01:00", datetime(2026, 3, 11, 12, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_a_publish_time_is_utc(text: str | None, moment: datetime | None) -> None:
    publish_time = decode(push(publishTime=text)).publish_time
    assert publish_time == moment
    assert publish_time is None or publish_time.tzinfo is UTC


BASE64 = '"message.data" is not base64'
TIME = '"message.publishTime" must be an RFC 3339 time'
ATTRIBUTES = '"message.attributes" must be an object of strings'
ATTEMPT = '"deliveryAttempt" must be a whole number'
MESSAGE_ID = '"message.messageId" must be a non-empty string'
NO_MESSAGE = 'the request body has no "message" object'
EVENT_DATA = 'the CloudEvent\'s "data" is not an object'


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "the request body is not JSON"),
        (b"not json", "the request body is not JSON"),
        (b"\xff\xfe", "the request body is not JSON"),
        (b"[" * 2_000, "the request body is not JSON"),
        (b"[]", "the request body is not a JSON object"),
        (b'"text"', "the request body is not a JSON object"),
        (b"null", "the request body is not a JSON object"),
        ({}, NO_MESSAGE),
        ({"message": None}, NO_MESSAGE),
        ({"message": "text"}, NO_MESSAGE),
        ({"message": []}, NO_MESSAGE),
        ({"location_id": "1-1", "event_type": "x"}, NO_MESSAGE),
        ({"message": {}}, MESSAGE_ID),
        (push(messageId=...), MESSAGE_ID),
        (push(messageId=""), MESSAGE_ID),
        (push(messageId="", message_id=""), MESSAGE_ID),
        (push(messageId=17), MESSAGE_ID),
        (push(messageId=["17"]), MESSAGE_ID),
        (push(data="not base64!"), BASE64),
        (push(data="aG!k="), BASE64),
        (push(data="abc"), BASE64),
        (push(data="caf\u00e9"), BASE64),
        (push(data=17), '"message.data" must be base64 text'),
        (push(data=None), '"message.data" must be base64 text'),
        (push(data={"location_id": "1-1"}), '"message.data" must be base64 text'),
        (push(attributes=[]), ATTRIBUTES),
        (push(attributes="text"), ATTRIBUTES),
        (push(attributes={"attempt": 1}), ATTRIBUTES),
        (push(attributes={"attempt": None}), ATTRIBUTES),
        (push(publishTime="yesterday"), TIME),
        (push(publishTime="2026-03-11T12:00:00"), TIME),
        (push(publishTime=1773230400), TIME),
        (push(publishTime="0001-01-01T00:00:00+01:00"), TIME),
        (push(publishTime="9999-12-31T23:59:59-01:00"), TIME),
        (push() | {"deliveryAttempt": "3"}, ATTEMPT),
        (push() | {"deliveryAttempt": True}, ATTEMPT),
        (push() | {"deliveryAttempt": 1.5}, ATTEMPT),
        (push() | {"deliveryAttempt": -1}, ATTEMPT),
        (push() | {"deliveryAttempt": 2**31}, ATTEMPT),
        (structured(), EVENT_DATA),
        (structured(data=None), EVENT_DATA),
        (structured(data="text"), EVENT_DATA),
        (structured(data={}), NO_MESSAGE),
        (structured(data_base64=17), '"data_base64" must be base64 text'),
        (structured(data_base64="not base64!"), '"data_base64" is not base64'),
        (structured(data_base64=b64encode(b"not json").decode()), "the CloudEvent's data is not JSON"),
        (structured(data_base64=b64encode(b"[]").decode()), "the CloudEvent's data is not a JSON object"),
    ],
)
def test_a_body_that_is_not_a_delivery_is_a_bad_request_that_says_why(body: object, sentence: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode(body)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("odd", [None, 0, 17, "", [], {"name": "s"}])
def test_a_malformed_subscription_does_not_fail_the_message(odd: object) -> None:
    assert decode(push() | {"subscription": odd}).data == DATA


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_bad_request(body: bytes) -> None:
    _message_or_bad_request(body)


_members = st.sampled_from(
    ["data", "messageId", "message_id", "attributes", "publishTime", "publish_time", "orderingKey"]
)
_odd_times = st.datetimes(timezones=st.timezones() | st.none(), allow_imaginary=True).map(str)
_odd = json_values | _odd_times | texts | st.binary(max_size=9).map(lambda data: b64encode(data).decode())


@given(st.dictionaries(_members, _odd), st.dictionaries(texts, json_values, max_size=2), st.booleans(), _odd)
def test_any_push_like_json_is_a_message_or_a_bad_request(
    message: dict[str, Any], rest: dict[str, Any], as_event: bool, attempt: object
) -> None:
    body = {"message": {"messageId": "17"} | message, "deliveryAttempt": attempt} | rest
    _message_or_bad_request(orjson.dumps(structured(data=body) if as_event else body))


def _message_or_bad_request(body: bytes) -> None:
    message = outcome(lambda: decode_request(body))
    if isinstance(message, Message):
        assert message.message_id
        assert message.publish_time is None or message.publish_time.tzinfo is UTC
    else:
        assert isinstance(message, BadRequest)
