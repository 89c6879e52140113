"""What `parse` publishes for a batch of messages, and what it counts, against a topic in memory."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import orjson
import pytest

from functions.parse.forwarding import Forwarder
from shared.delivery.batching import Outcome
from shared.errors import ErrorType, Reject, Retry
from shared.events import read
from shared.message import HEARTBEAT_ATTRIBUTE, HEARTBEAT_DATA, PROBE_ATTRIBUTE, Message, OutMessage
from shared.settings import ParseSettings
from shared.telemetry.logs import UnknownFields
from shared.telemetry.trace_context import ATTRIBUTE
from tests.unit.builders import NOW, message, raw

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class ParsedTopic:
    """dashboard-events-parsed."""

    def __init__(self) -> None:
        self.batches: list[list[OutMessage]] = []
        self.error: Exception | None = None

    async def publish_batch(self, messages: Sequence[OutMessage]) -> Sequence[Outcome]:
        if self.error:
            raise self.error
        self.batches.append(list(messages))
        return [None] * len(messages)


@pytest.fixture
def topic() -> ParsedTopic:
    return ParsedTopic()


@pytest.fixture
def forwarder(topic: ParsedTopic) -> Forwarder:
    settings = ParseSettings(project_id="p", batch_linger_ms=0, max_future=timedelta(minutes=5))
    return Forwarder(topic, settings, lambda: NOW, UnknownFields(lambda: 0.0))


def sent_by_producer(**fields: object) -> Message:
    return message(orjson.dumps(raw(**fields)))


async def test_an_event_is_published_with_its_identity_and_type_as_attributes(
    topic: ParsedTopic, forwarder: Forwarder
) -> None:
    await forwarder.forward(sent_by_producer(event_id="e-1"))
    ((published,),) = topic.batches
    assert published.attributes == {"event_id": "e-1", "event_type": "rating_change"}
    assert read(published.data).event_id == "e-1"


async def test_an_event_is_judged_and_stamped_by_the_present_however_long_it_waited(
    topic: ParsedTopic, forwarder: Forwarder
) -> None:
    waited = message(orjson.dumps(raw()), publish_time=NOW - timedelta(hours=3))
    await forwarder.forward(waited)
    ((published,),) = topic.batches
    assert read(published.data).processing_timestamp == NOW


async def test_large_events_that_come_at_once_go_out_in_batches_that_pub_sub_takes(
    topic: ParsedTopic, forwarder: Forwarder
) -> None:
    """40 of the largest in one batch would be more than the 10 MB of a publish."""
    large = [sent_by_producer(event_id=f"e-{n}", metrics={"change_reason": "x" * 260_000}) for n in range(40)]
    await asyncio.gather(*map(forwarder.forward, large))
    assert sum(len(batch) for batch in topic.batches) == 40
    assert max(sum(out.size for out in batch) for batch in topic.batches) < 10_000_000


async def test_an_event_stays_in_its_producers_trace(topic: ParsedTopic, forwarder: Forwarder) -> None:
    await forwarder.forward(message(orjson.dumps(raw()), attributes={ATTRIBUTE: TRACEPARENT}))
    ((published,),) = topic.batches
    assert published.attributes[ATTRIBUTE] == TRACEPARENT


async def test_unknown_fields_are_counted_and_the_event_is_published(
    topic: ParsedTopic, forwarder: Forwarder, caplog: pytest.LogCaptureFixture
) -> None:
    await forwarder.forward(sent_by_producer(metrics={"colour": "red"}))
    assert [record.__dict__["counts"] for record in caplog.records] == [{"rating_change.metrics.colour": 1}]
    assert len(topic.batches) == 1


async def test_a_rejected_message_fails_alone_in_its_batch(topic: ParsedTopic, forwarder: Forwarder) -> None:
    outcomes = await asyncio.gather(
        forwarder.forward(sent_by_producer(event_id="e-1")),
        forwarder.forward(message(b"not JSON")),
        forwarder.forward(sent_by_producer(event_id="e-2")),
        return_exceptions=True,
    )
    assert [outcomes[0], outcomes[2]] == [None, None]
    assert isinstance(outcomes[1], Reject)
    assert outcomes[1].error_type is ErrorType.JSON_PARSE_ERROR
    assert [[out.attributes["event_id"] for out in batch] for batch in topic.batches] == [["e-1", "e-2"]]


async def test_a_failed_publish_is_a_retry(topic: ParsedTopic, forwarder: Forwarder) -> None:
    topic.error = Retry("Pub/Sub is away")
    with pytest.raises(Retry, match="Pub/Sub is away"):
        await forwarder.forward(sent_by_producer())


async def test_a_heartbeat_goes_on_with_the_time_at_which_pub_sub_took_it(
    topic: ParsedTopic, forwarder: Forwarder
) -> None:
    """Its latency includes the time that it waited, or was delivered in vain."""
    taken = NOW - timedelta(minutes=3)
    await forwarder.forward(message(HEARTBEAT_DATA, attributes={HEARTBEAT_ATTRIBUTE: ""}, publish_time=taken))
    ((published,),) = topic.batches
    assert published.data == HEARTBEAT_DATA
    assert published.attributes == {HEARTBEAT_ATTRIBUTE: taken.isoformat()}


async def test_a_probe_keeps_its_name_and_its_trace(topic: ParsedTopic, forwarder: Forwarder) -> None:
    carried = {PROBE_ATTRIBUTE: "probe-1", ATTRIBUTE: TRACEPARENT}
    await forwarder.forward(message(HEARTBEAT_DATA, attributes={HEARTBEAT_ATTRIBUTE: "", **carried}))
    ((published,),) = topic.batches
    assert published.attributes == {HEARTBEAT_ATTRIBUTE: NOW.isoformat(), **carried}
