"""Spans by OpenTelemetry, the only importer of its SDK; the exporter reads its OTEL_… variables itself."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from requests import Session

from shared.message import Message
from shared.telemetry.spans import SpanScope, current
from shared.telemetry.trace_context import TraceContext, of_attributes

MAX_LINKS = 128
"""OpenTelemetry's own limit of links per span; only the first messages of a larger batch are linked."""


@dataclass(frozen=True, slots=True)
class OtlpScope:
    """Inside a span."""

    span: Span

    @property
    def context(self) -> TraceContext:
        ids = self.span.get_span_context()
        return TraceContext(f"{ids.trace_id:032x}", f"{ids.span_id:016x}", ids.trace_flags.sampled)

    def annotate(self, attributes: Mapping[str, str]) -> None:
        self.span.set_attributes(attributes)


class OtlpTracer:
    """Makes spans and exports them on a background thread, to OTEL_EXPORTER_OTLP_ENDPOINT by default."""

    def __init__(self, stage: str, exporter: SpanExporter | None = None) -> None:
        self._stage = stage
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: f"cqc-{stage}"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("cqc")

    def close(self) -> None:
        """Exports the remaining spans."""
        self._provider.shutdown()

    @contextmanager
    def publishing(self, topic: str, event_ids: Sequence[str | None]) -> Iterator[list[TraceContext]]:
        """Around a command's publish: one span per message, each the first of a trace."""
        common = {"messaging.system": "gcp_pubsub", "messaging.destination.name": topic}
        spans = [
            self._tracer.start_span(
                "publish",
                kind=SpanKind.PRODUCER,
                attributes=common if event_id is None else common | {"event_id": event_id},
            )
            for event_id in event_ids
        ]
        try:
            yield [OtlpScope(span).context for span in spans]
        finally:
            for span in spans:
                span.end()

    @contextmanager
    def received(self, message: Message) -> Iterator[SpanScope]:
        attributes: dict[str, str | int] = {
            "messaging.system": "gcp_pubsub",
            "messaging.message.id": message.message_id,
            "messaging.destination.subscription.name": message.subscription,
            "messaging.gcp_pubsub.message.delivery_attempt": message.delivery_attempt or 1,
        }
        if "event_id" in message.attributes:
            attributes["event_id"] = message.attributes["event_id"]
        parent = _remote(of_attributes(message.attributes))
        span = self._tracer.start_span(self._stage, parent, kind=SpanKind.CONSUMER, attributes=attributes)
        with _inside(span) as scope:
            yield scope

    @contextmanager
    def step(self, name: str) -> Iterator[SpanScope | None]:
        outer = current.get()
        parent = set_span_in_context(outer.span) if isinstance(outer, OtlpScope) else None
        with _inside(self._tracer.start_span(name, parent)) as scope:
            yield scope

    @contextmanager
    def batch(self, name: str, scopes: Sequence[SpanScope | None]) -> Iterator[SpanScope | None]:
        links = [Link(scope.span.get_span_context()) for scope in scopes if isinstance(scope, OtlpScope)]
        attributes = {"messaging.batch.message_count": len(scopes)}
        span = self._tracer.start_span(name, links=links[:MAX_LINKS], attributes=attributes)
        with _inside(span) as scope:
            yield scope


def google_exporter(session: Session) -> SpanExporter:
    """An exporter whose requests `session` signs."""
    return OTLPSpanExporter(session=session)


@contextmanager
def _inside(span: Span) -> Iterator[OtlpScope]:
    """Ends the span. An error marks it by its type alone: its text may quote a payload."""
    scope = OtlpScope(span)
    outer = current.set(scope)
    try:
        yield scope
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        current.reset(outer)
        span.end()


def _remote(publisher: TraceContext | None) -> Context | None:
    """The publisher's span as a parent; None starts a trace."""
    if publisher is None:
        return None
    context = SpanContext(
        int(publisher.trace_id, 16),
        int(publisher.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(publisher.is_sampled)),
    )
    return set_span_in_context(NonRecordingSpan(context))
