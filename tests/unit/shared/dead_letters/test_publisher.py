"""Dead letters on their way to the topic: what is published and logged, and that none is ever rejected."""

import asyncio
from collections.abc import Sequence

import orjson
import pytest

from shared.dead_letters.publisher import DeadLetterPublisher
from shared.dead_letters.record import RECORD_ATTRIBUTE, RECORD_KIND, DeadLetterRecord
from shared.delivery.batching import BatchLimits, Outcome
from shared.errors import ErrorType, Reject, Retry
from shared.message import OutMessage
from shared.telemetry.logs import JsonFormatter
from shared.telemetry.trace_context import ATTRIBUTE
from tests.unit.builders import NOW, message

REJECT = Reject(ErrorType.SCHEMA_ERROR, "metrics: is wrong")
SECRET = "my mother's home"
DATA = orjson.dumps({"event_id": "e-1", "location_id": "l-1", "metrics": SECRET})
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


class Topic:
    """dashboard-events-dead-letter."""

    def __init__(self) -> None:
        self.published: list[OutMessage] = []
        self.batches: list[int] = []
        """Bytes of each."""
        self.outcome: Outcome = None

    async def publish_batch(self, messages: Sequence[OutMessage]) -> Sequence[Outcome]:
        self.published += messages
        self.batches.append(sum(message.size for message in messages))
        return [self.outcome] * len(messages)


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def publisher(topic: Topic) -> DeadLetterPublisher:
    return DeadLetterPublisher(
        topic.publish_batch,
        stage="parse",
        clock=lambda: NOW,
        pipeline_version="1.2.3",
        limits=BatchLimits(linger_seconds=0),
    )


async def test_a_rejected_message_is_published_as_a_record_in_its_trace(
    topic: Topic, publisher: DeadLetterPublisher
) -> None:
    await publisher.send_rejected(message(DATA, attributes={ATTRIBUTE: TRACEPARENT}), REJECT)
    (sent,) = topic.published
    assert sent.attributes == {
        RECORD_ATTRIBUTE: RECORD_KIND,
        "error_type": "schema_error",
        "stage": "parse",
        ATTRIBUTE: TRACEPARENT,
    }
    record = DeadLetterRecord.model_validate_json(sent.data)
    assert (record.payload, record.error_message, record.error_timestamp) == (DATA, str(REJECT), NOW)


async def test_large_dead_letters_that_come_at_once_go_out_in_batches_that_pub_sub_takes(
    topic: Topic, publisher: DeadLetterPublisher
) -> None:
    """40 of them in one batch would be more than the 10 MB of a publish."""
    large = message(b"x" * 260_000)
    await asyncio.gather(*(publisher.send_rejected(large, REJECT) for _ in range(40)))
    assert len(topic.published) == 40
    assert max(topic.batches) < 10_000_000


async def test_the_log_line_has_the_reason_and_the_trace_but_no_payload(
    publisher: DeadLetterPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    await publisher.send_rejected(message(DATA, attributes={ATTRIBUTE: TRACEPARENT}), REJECT)
    (record,) = caplog.records
    line = orjson.loads(JsonFormatter("parse", "p").format(record))
    assert (line["event"], line["error_type"]) == ("dead_letter_sent", "schema_error")
    assert (line["event_id"], line["location_id"]) == ("e-1", "l-1")
    assert line["logging.googleapis.com/trace"] == f"projects/p/traces/{TRACE_ID}"
    assert SECRET not in repr(record.__dict__)


async def test_a_dead_letter_that_pub_sub_refuses_is_a_retry_and_is_not_logged_as_sent(
    topic: Topic, publisher: DeadLetterPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    """A Reject from here would be taken for the verdict on every message of the batch that waits for it."""
    topic.outcome = Reject(ErrorType.SINK_REJECTED, f"the message is too large: {SECRET}")
    with pytest.raises(
        Retry, match=r"Pub/Sub refused the dead letter \(sink_rejected, \d+ bytes, 3"
    ) as raised:
        await publisher.send_rejected(message(DATA), REJECT)
    assert SECRET not in str(raised.value)
    assert caplog.records == []
