"""A dead letter becomes its row, whichever form it has; the same message always becomes the same row."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.deadletter.triage import fallback_row, triage
from shared.dead_letters.record import MAX_PAYLOAD, RECORD_ATTRIBUTE, RECORD_KIND, record_of
from shared.errors import ErrorType, Reject
from shared.message import Message
from shared.tables.columns import STREAMING_ERRORS, Row
from shared.tables.rows import encode
from tests.unit.builders import NOW, message
from tests.unit.strategies import nearly_good_events, texts

LATER = NOW + timedelta(hours=3)
EVENT = b'{"event_id": "e-1", "location_id": "l-1", "event_type": "capacity_update", "metrics": 7}'
OURS = {RECORD_ATTRIBUTE: RECORD_KIND}
SOURCE = "CloudPubSubDeadLetterSource"
FORWARDED = {
    "origin": "cqc",
    f"{SOURCE}DeliveryCount": "5",
    f"{SOURCE}Subscription": "dashboard-events-parsed-features",
    f"{SOURCE}SubscriptionProject": "p",
    f"{SOURCE}TopicPublishTime": "2026-03-11T09:00:00.123456789+00:00",
}


def row(dead_letter: Message, now: datetime = LATER) -> Row:
    made = triage(dead_letter, now, "2.0.0")
    assert made.keys() == {column.name for column in STREAMING_ERRORS.columns}
    return made


def record(original: Message) -> bytes:
    reject = Reject(ErrorType.SCHEMA_ERROR, "metrics: is wrong")
    return record_of(original, reject, stage="parse", now=NOW, pipeline_version="1.2.3").to_json()


def test_our_record_becomes_the_row_that_it_describes() -> None:
    published = NOW - timedelta(minutes=1)
    original = message(EVENT, attributes={"origin": "cqc"}, publish_time=published, delivery_attempt=2)
    assert row(message(record(original), message_id="another", attributes=OURS)) == {
        "error_type": "schema_error",
        "error_message": "metrics: is wrong",
        "stage": "parse",
        "location_id": "l-1",
        "event_type": "capacity_update",
        "event_id": "e-1",
        "raw_data": EVENT.decode(),
        "payload": EVENT,
        "attributes": '{"origin":"cqc"}',
        "delivery_attempt": 2,
        "source_subscription": "projects/p/subscriptions/s",
        "publish_timestamp": published,
        "error_timestamp": NOW,
        "pipeline_version": "1.2.3",
    }


def test_a_forwarded_original_records_where_it_failed_and_how_often() -> None:
    assert row(message(EVENT, attributes=FORWARDED)) == {
        "error_type": "delivery_exhausted",
        "error_message": "Pub/Sub gave up after 5 deliveries to dashboard-events-parsed-features: "
        "see that function's log",
        "stage": "features",
        "location_id": "l-1",
        "event_type": "capacity_update",
        "event_id": "e-1",
        "raw_data": EVENT.decode(),
        "payload": EVENT,
        "attributes": orjson.dumps(FORWARDED).decode(),
        "delivery_attempt": 5,
        "source_subscription": "projects/p/subscriptions/dashboard-events-parsed-features",
        "publish_timestamp": datetime(2026, 3, 11, 9, 0, 0, 123_456, tzinfo=UTC),
        "error_timestamp": NOW,
        "pipeline_version": "2.0.0",
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({f"{SOURCE}DeliveryCount": "many"}, {"delivery_attempt": None}),
        ({f"{SOURCE}DeliveryCount": "-1"}, {"delivery_attempt": None}),
        ({f"{SOURCE}DeliveryCount": ""}, {"delivery_attempt": None}),
        ({f"{SOURCE}DeliveryCount": "9" * 30}, {"delivery_attempt": None}),
        ({f"{SOURCE}DeliveryCount": "9" * 5_000}, {"delivery_attempt": None}),
        ({f"{SOURCE}SubscriptionProject": ""}, {"source_subscription": "dashboard-events-parsed-features"}),
        ({f"{SOURCE}TopicPublishTime": "yesterday"}, {"publish_timestamp": NOW}),
        ({f"{SOURCE}TopicPublishTime": "2026-03-11T09:00:00"}, {"publish_timestamp": NOW}),
        ({f"{SOURCE}TopicPublishTime": ""}, {"publish_timestamp": NOW}),
        ({f"{SOURCE}Subscription": "projects/q/subscriptions/dashboard-events-parse"}, {"stage": "parse"}),
        ({f"{SOURCE}Subscription": "odd"}, {"stage": "odd"}),
    ],
)
def test_a_malformed_attribute_of_a_forwarded_message_loses_only_itself(
    changes: dict[str, str], expected: dict[str, object]
) -> None:
    made = row(message(EVENT, attributes=FORWARDED | changes))
    assert made["error_type"] == "delivery_exhausted"
    assert {name: made[name] for name in expected} == expected
    assert encode(STREAMING_ERRORS, made)


def test_a_forwarded_message_that_is_not_an_event_is_identified_by_its_message_id() -> None:
    made = row(message(b"\xff not json", attributes=FORWARDED))
    assert (made["event_id"], made["location_id"], made["event_type"]) == ("message-1", None, None)
    assert made["raw_data"] == "\ufffd not json"


@pytest.mark.parametrize("data", [b"", b"not json", b"[]", b"{}", b'{"error_type": "odd"}', b"[" * 2_000])
def test_a_malformed_record_is_kept_as_unexpected(data: bytes) -> None:
    made = row(message(data, attributes=OURS))
    assert made["error_type"] == "unexpected_error"
    assert str(made["error_message"]).startswith("the dead letter is marked as a record but is not one: ")
    assert (made["payload"], made["stage"], made["error_timestamp"]) == (data, "deadletter", NOW)


def test_a_record_that_would_take_gigabytes_to_read_is_kept_as_unexpected() -> None:
    data = b'{"error_type":[' + b"[]," * 2_000_000 + b"[]]}"
    made = row(message(data, attributes=OURS))
    assert made["error_message"] == "the dead letter is marked as a record but has far more values than one"
    assert made["payload"] == data


def test_a_record_of_the_largest_payload_and_attributes_of_commas_is_read() -> None:
    commas = {f"{number:256}": "," * 1_024 for number in range(99)}
    original = message(b"," * MAX_PAYLOAD, attributes=commas)
    record = record_of(
        original, Reject(ErrorType.SCHEMA_ERROR, ",[{"), stage="parse", now=NOW, pipeline_version="1"
    )
    made = row(message(record.to_json(), attributes=OURS))
    assert (made["error_type"], made["payload"]) == ("schema_error", original.data)


def test_a_message_of_neither_form_is_kept_as_unexpected() -> None:
    made = row(message(EVENT, attributes={RECORD_ATTRIBUTE: "something else"}))
    assert made["error_type"] == "unexpected_error"
    assert "it was published here by hand" in str(made["error_message"])
    assert (made["payload"], made["location_id"]) == (EVENT, "l-1")


def test_a_forwarded_message_too_large_for_a_row_is_cut_and_says_so() -> None:
    made = row(message(b"x" * (MAX_PAYLOAD + 1), attributes=FORWARDED))
    assert made["payload"] == b"x" * MAX_PAYLOAD
    assert f"[the payload is cut to 7000000 of its {MAX_PAYLOAD + 1} bytes]" in str(made["error_message"])


def test_raw_data_has_at_most_1000_characters() -> None:
    made = row(message(("\u00e9" * 5_000).encode(), attributes=FORWARDED))
    assert made["raw_data"] == "\u00e9" * 1_000


@pytest.mark.parametrize(
    "dead_letter",
    [
        message(record(message(EVENT)), attributes=OURS),
        message(EVENT, attributes=FORWARDED),
        message(b"{", attributes=OURS),
        message(EVENT),
    ],
    ids=["our record", "forwarded", "malformed record", "neither"],
)
def test_a_redelivery_gives_the_same_row(dead_letter: Message) -> None:
    assert row(dead_letter, NOW + timedelta(seconds=1)) == row(dead_letter, NOW + timedelta(days=6))


def test_without_a_publish_time_the_error_time_is_now() -> None:
    assert row(message(EVENT, publish_time=None))["error_timestamp"] == LATER


def test_a_fallback_row_has_the_whole_message_and_the_refusal() -> None:
    dead_letter = message(record(message(EVENT)), attributes=OURS)
    made = fallback_row(dead_letter, "it has no room", LATER, "2.0.0")
    assert made["error_type"] == "unexpected_error"
    assert made["error_message"] == "the dead letter's own row was refused: it has no room"
    assert (made["payload"], made["error_timestamp"]) == (dead_letter.data, LATER)


_attributes = st.dictionaries(
    st.sampled_from([RECORD_ATTRIBUTE, *FORWARDED]),
    texts | st.sampled_from([RECORD_KIND, *FORWARDED.values()]),
)


@given(st.binary(max_size=100) | nearly_good_events().map(orjson.dumps), _attributes)
def test_any_message_becomes_a_row_that_the_table_accepts(data: bytes, attributes: dict[str, str]) -> None:
    dead_letter = message(data, attributes=attributes)
    assert encode(STREAMING_ERRORS, row(dead_letter))
    assert encode(STREAMING_ERRORS, fallback_row(dead_letter, "refused", NOW, "1"))
