"""Spans from a message's arrival to its row, and the trace that log lines belong to.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set: then no SDK is imported, a span is one shared
object that does nothing, and a message's trace is only handed on. shared/telemetry/otlp.py is the other side.

    received   one a message: parse, features, deadletter
    └── step   a part of that work: the wait for its batch (publish, write, record)
    batch      one a group commit, in a trace of its own, with a link to each of its messages' steps
    └── step   a part of that: append rows, append log, write online values
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property

from starlette.requests import Request

from shared.message import Message
from shared.telemetry.spans import SpanScope, Tracer, current
from shared.telemetry.trace_context import ATTRIBUTE, TraceContext, of_attributes, of_headers


@dataclass(frozen=True)
class _Delivery:
    """A message's place while there are no spans: its publisher's, else the request's. Read when it is asked
    for, by a log line: most messages have none."""

    message: Message
    request: Request

    @cached_property
    def context(self) -> TraceContext | None:
        return of_attributes(self.message.attributes) or of_headers(self.request.headers)

    def annotate(self, attributes: Mapping[str, str]) -> None:
        """There is no span."""


_NOTHING: AbstractContextManager[None] = nullcontext()
_tracer: Tracer | None = None


def configure(stage: str, endpoint: str | None) -> None:
    """Exports this process's spans by OTLP when there is an endpoint; call it in the process that works."""
    global _tracer
    if endpoint is None:
        _tracer = None
        return
    from shared.telemetry.otlp import OtlpTracer

    _tracer = OtlpTracer(stage)


def received(message: Message, request: Request) -> AbstractContextManager[object]:
    """Around all the work on a message."""
    if _tracer is not None:
        return _tracer.received(message)
    current.set(_Delivery(message, request))  # ends with the request's task
    return _NOTHING


def step(name: str) -> AbstractContextManager[SpanScope | None]:
    """Around a part of the work."""
    return _NOTHING if _tracer is None else _tracer.step(name)


def batch(name: str, places: Sequence[SpanScope | None]) -> AbstractContextManager[object]:
    """Around what is done for several messages at once."""
    return _NOTHING if _tracer is None else _tracer.batch(name, places)


def annotate(attributes: Mapping[str, str]) -> None:
    """Adds to the span, if there is one, what became known of the message."""
    if _tracer is not None and (place := current.get()) is not None:
        place.annotate(attributes)


def outgoing(attributes: Mapping[str, str]) -> Mapping[str, str]:
    """The attribute by which what follows from a message with these attributes stays in its trace, if any."""
    place = None if _tracer is None else current.get()
    context = of_attributes(attributes) if place is None else place.context
    return {} if context is None else {ATTRIBUTE: context.traceparent}
