"""The dead-letter record of any message is complete and can be replayed."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.dead_letters.record import (
    MAX_HINTED,
    MAX_PAYLOAD,
    DeadLetterRecord,
    Hints,
    read_hints,
    record_of,
)
from shared.errors import ErrorType, Reject
from shared.message import IDENTITY_ATTRIBUTE, Message
from tests.unit.builders import NOW, message
from tests.unit.strategies import nearly_good_events, texts

REJECT = Reject(ErrorType.SCHEMA_ERROR, "metrics.new_beds: is wrong")


def record(original: Message) -> DeadLetterRecord:
    return record_of(original, REJECT, stage="parse", now=NOW, pipeline_version="1.2.3")


def test_a_record_has_the_reason_the_message_and_its_delivery() -> None:
    data = b'{"event_id": "e-1", "location_id": "l-1", "event_type": "t-1"}'
    published = datetime(2026, 3, 11, 11, 0, tzinfo=UTC)
    assert record(
        message(data, attributes={"origin": "cqc"}, publish_time=published, delivery_attempt=4)
    ) == DeadLetterRecord(
        error_type=ErrorType.SCHEMA_ERROR,
        error_message="metrics.new_beds: is wrong",
        stage="parse",
        location_id="l-1",
        event_type="t-1",
        event_id="e-1",
        payload=data,
        attributes={"origin": "cqc"},
        delivery_attempt=4,
        source_subscription="projects/p/subscriptions/s",
        publish_timestamp=published,
        error_timestamp=NOW,
        pipeline_version="1.2.3",
    )


def test_an_event_without_an_id_is_identified_by_its_message() -> None:
    assert record(message(b"not json")).event_id == "message-1"
    assert record(message(b'{"event_id": ""}')).event_id == "message-1"
    assert record(message(b'{"event_id": 7}')).event_id == "message-1"


def test_a_replayed_event_that_fails_again_is_the_same_failure() -> None:
    replayed = message(b"not json", "message-2", attributes={IDENTITY_ATTRIBUTE: "message-1"})
    assert record(replayed).event_id == "message-1"


def test_a_message_made_by_hand_leaves_its_delivery_empty() -> None:
    made = record(message(b"", subscription="", publish_time=None))
    assert (made.source_subscription, made.publish_timestamp, made.delivery_attempt) == (None, None, None)
    assert made.payload == b""


@pytest.mark.parametrize(
    ("data", "hints"),
    [
        (b"", Hints()),
        (b"not json", Hints()),
        (b"\xff", Hints()),
        (b"[" * 2_000, Hints()),
        (b"[]", Hints()),
        (b'"text"', Hints()),
        (b"{}", Hints()),
        (b'{"location_id": 7, "event_type": null, "event_id": []}', Hints()),
        (b'{"location_id": "", "event_type": "t"}', Hints(event_type="t")),
        (b'{"location_id": "l", "event_type": {}, "x": 1}', Hints(location_id="l")),
        (orjson.dumps({"location_id": "l" * 500}), Hints(location_id="l" * 128)),
        (orjson.dumps({"event_type": "t" * 500}), Hints(event_type="t" * 128)),
        (orjson.dumps({"event_id": "e" * 500}), Hints(event_id="e" * 256)),
        (b'{"event_id": "e"}'.ljust(MAX_HINTED), Hints(event_id="e")),
        (b'{"event_id": "e"}'.ljust(MAX_HINTED + 1), Hints()),
    ],
)
def test_the_hints_are_the_valid_fields_of_an_invalid_event(data: bytes, hints: Hints) -> None:
    assert read_hints(data) == hints


@pytest.mark.parametrize("over", [0, 1])
def test_a_payload_too_large_for_pub_sub_is_cut_and_the_record_says_so(over: int) -> None:
    made = record(message(b"x" * (MAX_PAYLOAD + over)))
    assert len(made.payload) == MAX_PAYLOAD
    expected = f" [the payload is cut to 7000000 of its {MAX_PAYLOAD + over} bytes]" if over else ""
    assert made.error_message == f"metrics.new_beds: is wrong{expected}"
    assert len(made.to_json()) < 10_000_000


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b"", ""),
        (b"short", "short"),
        (b"x" * 1_001, "x" * 1_000),
        ("\U0001f3e0".encode() * 1_001, "\U0001f3e0" * 1_000),
        (b"a\xffb", "a\ufffdb"),
        (b"\xff" * 5_000, "\ufffd" * 1_000),
        ("\u00e9".encode()[:1], "\ufffd"),
    ],
)
def test_raw_data_is_the_first_1000_characters_as_text(payload: bytes, shown: str) -> None:
    assert record(message(payload)).raw_data == shown


_messages = st.builds(
    message,
    data=st.binary(max_size=200) | nearly_good_events().map(orjson.dumps),
    message_id=texts.filter(bool),
    attributes=st.dictionaries(texts, texts, max_size=3),
    publish_time=st.none() | st.datetimes(timezones=st.just(UTC)),
    subscription=texts,
    delivery_attempt=st.none() | st.integers(0, 2**31 - 1),
)


@given(_messages)
def test_any_message_has_a_record_that_survives_the_dead_letter_topic(original: Message) -> None:
    made = record(original)
    assert made.payload == original.data
    assert len(made.raw_data) <= 1_000
    assert DeadLetterRecord.model_validate_json(made.to_json()) == made
