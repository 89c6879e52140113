"""Spans as they are exported: who is whose child, and nothing of a message's content."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from shared.errors import ErrorType, Reject
from shared.message import Message
from shared.telemetry.otlp import MAX_LINKS, OtlpTracer
from shared.telemetry.trace_context import ATTRIBUTE, TraceContext

PUBLISHER = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)
SECRET = "my mother's home"


class Traced:
    """A tracer and the spans that it exported, by name."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = OtlpTracer("parse", self._exporter)

    def spans(self) -> dict[str, ReadableSpan]:
        self.tracer.close()
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def traced() -> Iterator[Traced]:
    made = Traced()
    yield made
    made.tracer.close()


def message(**attributes: str) -> Message:
    return Message(SECRET.encode(), "17", attributes, None, "s", 3)


def test_a_message_is_a_child_of_its_publisher_and_a_step_a_child_of_the_message(traced: Traced) -> None:
    with (
        traced.tracer.received(message(**{ATTRIBUTE: PUBLISHER.traceparent}, event_id="e-1")) as scope,
        traced.tracer.step("publish"),
    ):
        scope.annotate({"error.type": "busy"})
    spans = traced.spans()
    received, step = spans["parse"], spans["publish"]
    assert received.parent is not None
    assert received.context is not None
    assert step.parent is not None
    assert (f"{received.parent.trace_id:032x}", f"{received.parent.span_id:016x}") == (
        PUBLISHER.trace_id,
        PUBLISHER.span_id,
    )
    assert step.parent.span_id == received.context.span_id
    assert dict(received.attributes or {}) == {
        "messaging.system": "gcp_pubsub",
        "messaging.message.id": "17",
        "messaging.destination.subscription.name": "s",
        "messaging.gcp_pubsub.message.delivery_attempt": 3,
        "event_id": "e-1",
        "error.type": "busy",
    }


def test_an_error_marks_its_span_by_type_and_its_text_stays_out(traced: Traced) -> None:
    with pytest.raises(Reject), traced.tracer.received(message()):
        raise Reject(ErrorType.SCHEMA_ERROR, f"metrics.search_queries: expected a list (got {SECRET})")
    span = traced.spans()["parse"]
    assert span.attributes is not None
    assert span.attributes["error.type"] == "Reject"
    assert span.status.status_code is StatusCode.ERROR
    assert SECRET not in span.to_json()


def test_a_batch_starts_a_trace_and_links_to_its_messages_up_to_the_limit(traced: Traced) -> None:
    with traced.tracer.received(message()) as scope, traced.tracer.batch("batch", [scope, None]):
        pass
    with traced.tracer.received(message()) as scope, traced.tracer.batch("large", [scope] * 200):
        pass
    spans = traced.spans()
    assert spans["batch"].attributes == {"messaging.batch.message_count": 2}
    assert len(spans["batch"].links) == 1
    assert len(spans["large"].links) == MAX_LINKS
