"""What an event carries on its way back: its identity, its attributes, and the function that it goes to."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.dead_letters.record import MAX_PAYLOAD, DeadLetterRecord
from shared.errors import ErrorType
from shared.message import IDENTITY_ATTRIBUTE
from tests.unit.builders import message
from tools.replay.items import DeadLetter, Item, NotAnEvent, of_message, of_record, stage_of
from tools.replay.selection import Selection

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def item(data: bytes = b"{}", **attributes: str) -> Item:
    return Item(data, attributes, "the first id", "parse", "dashboard-events/1")


def test_an_event_without_an_id_keeps_the_id_of_its_first_message() -> None:
    assert item().outgoing_attributes()[IDENTITY_ATTRIBUTE] == "the first id"
    assert IDENTITY_ATTRIBUTE not in item(b'{"event_id":"e"}').outgoing_attributes()


def test_attributes_that_pub_sub_sets_itself_are_left_out_and_the_others_carried() -> None:
    sent = item(
        colour="blue", googclient_traceparent="00-x", CloudPubSubDeadLetterSourceDeliveryCount="100"
    ).outgoing_attributes()
    assert sent.keys() == {"colour", "replay_of", "replay_count", IDENTITY_ATTRIBUTE}


def test_a_replay_counts_those_before_it() -> None:
    assert item().outgoing_attributes()["replay_count"] == "1"
    assert item(replay_count="4").outgoing_attributes()["replay_count"] == "5"


@pytest.mark.parametrize(
    ("data", "stage"),
    [
        (b'{"event_id":"e"}', "parse"),
        (b'{"event_id":"e","event_timestamp":"t","processing_timestamp":"t","metrics":{}}', "features"),
        (b"[]", "parse"),
        (b"no JSON", "parse"),
    ],
)
def test_an_event_that_parse_made_goes_to_features_and_any_other_to_parse(data: bytes, stage: str) -> None:
    assert stage_of(data) == stage


def record(size: int) -> DeadLetterRecord:
    return DeadLetterRecord(
        error_type=ErrorType.SCHEMA_ERROR,
        error_message="too long",
        stage="parse",
        payload=b"x" * size,
        error_timestamp=NOON,
        pipeline_version="1",
    )


def test_a_message_that_pub_sub_gave_up_is_the_failure_of_the_function_that_it_was_for() -> None:
    """So that the filters by reason and time find it in the dead-letter topic."""
    forwarded = {
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "dashboard-events-parsed-features",
    }
    of_topic = of_message(message(b"{}", attributes=forwarded, publish_time=NOON))
    assert of_topic.dead_letter is not None
    assert (of_topic.dead_letter.error_type, of_topic.stage) == ("delivery_exhausted", "features")
    assert of_topic.dead_letter.error_timestamp == NOON


def test_the_record_of_a_batch_s_online_values_holds_no_event() -> None:
    """Sent as one, it would be an empty message, and one dead letter more at each replay."""
    values = record(0).model_copy(
        update={"stage": "features", "error_type": ErrorType.FEATURE_STORE_WRITE_FAILED}
    )
    with pytest.raises(NotAnEvent, match="cqc heal-online"):
        of_record(values)
    assert of_record(record(0)).data == b"", "an empty message of a producer is one that fails again"


def test_a_payload_that_may_have_been_cut_is_no_event() -> None:
    assert len(of_record(record(MAX_PAYLOAD - 1)).data) == MAX_PAYLOAD - 1
    with pytest.raises(NotAnEvent, match="cut to 7,000,000 bytes"):
        of_record(record(MAX_PAYLOAD))


@pytest.mark.parametrize(
    ("failed_at", "does"),
    [
        (NOON - timedelta(microseconds=1), False),
        (NOON, True),
        (NOON + timedelta(hours=1, microseconds=-1), True),
        (NOON + timedelta(hours=1), False),
    ],
)
def test_a_span_of_time_includes_its_start_and_not_its_end(failed_at: datetime, does: bool) -> None:
    selection = Selection(since=NOON, until=NOON + timedelta(hours=1))
    failure = DeadLetter("parse", "schema_error", failed_at, "")
    assert selection.matches(Item(b"{}", {}, "e", "parse", "x", dead_letter=failure)) is does
