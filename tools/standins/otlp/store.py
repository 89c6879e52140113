"""The newest spans, and which of them belong to one event. Pure."""

from collections import deque
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tools.pipeline.spans import Span

KEPT = 50_000
"""Spans, about 50 MB: with some five per event, these are the last ten thousand events."""


class Store:
    """In memory; new spans replace the oldest."""

    def __init__(self) -> None:
        self._spans: deque[Span] = deque(maxlen=KEPT)

    def add(self, request: ExportTraceServiceRequest) -> None:
        self._spans.extend(_spans(request))

    def latest_event(self) -> str | None:
        """The event that a function began to process last."""
        began = [span for span in self._spans if "event_id" in span.attributes]
        return max(began, key=lambda span: span.start).attributes["event_id"] if began else None

    def of_event(self, event_id: str) -> list[Span]:
        """Every span of the event's traces, and of the batches that link to them, in order of start."""
        traces = {span.trace_id for span in self._spans if span.attributes.get("event_id") == event_id}
        event_spans = {span.span_id for span in self._spans if span.trace_id in traces}
        batches = {span.trace_id for span in self._spans if event_spans.intersection(span.links)}
        found = [span for span in self._spans if span.trace_id in traces | batches]
        return sorted(found, key=lambda span: span.start)


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        service = _attributes(resource.resource.attributes).get("service.name", "")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    name=span.name,
                    service=service,
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    links=tuple(link.span_id.hex() for link in span.links),
                )


def _attributes(pairs: Any) -> dict[str, str]:
    """Every value as text."""
    return {
        pair.key: str(getattr(pair.value, pair.value.WhichOneof("value") or "string_value")) for pair in pairs
    }
