"""Spans from a message's arrival to its row, and the trace that log lines belong to.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set: then no SDK is imported, a span is one shared
object that does nothing, and a message's trace is only handed on. shared/otlp.py is the other side.

    received   one a message: parse, features, deadletter
    └── step   a part of that work: the wait for its batch (publish, write, record)
    batch      one a group commit, in a trace of its own, with a link to each of its messages' steps
    └── step   a part of that: append rows, append log, write online values
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from starlette.requests import Request

from shared.envelope import Message
from shared.trace_context import ATTRIBUTE, TraceContext, of_attributes, of_headers


class Place(Protocol):
    """Where in a trace the code is now."""

    @property
    def context(self) -> TraceContext | None: ...

    def annotate(self, attributes: Mapping[str, str]) -> None:
        """Adds what became known of the message: ids and error types, nothing of its content."""


class Tracer(Protocol):
    """What makes spans; each is entered and left in the same task."""

    def received(self, message: Message) -> AbstractContextManager[Place]:
        """A message's span, a child of its publisher's."""

    def step(self, name: str) -> AbstractContextManager[Place | None]:
        """A child of where the code is now."""

    def batch(self, name: str, places: Sequence[Place | None]) -> AbstractContextManager[Place | None]:
        """A span of its own trace with links to these."""


current: ContextVar[Place | None] = ContextVar("current", default=None)


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
    from shared.otlp import OtlpTracer

    _tracer = OtlpTracer(stage)


def received(message: Message, request: Request) -> AbstractContextManager[object]:
    """Around all the work on a message."""
    if _tracer is not None:
        return _tracer.received(message)
    current.set(_Delivery(message, request))  # ends with the request's task
    return _NOTHING


def step(name: str) -> AbstractContextManager[Place | None]:
    """Around a part of the work."""
    return _NOTHING if _tracer is None else _tracer.step(name)


def batch(name: str, places: Sequence[Place | None]) -> AbstractContextManager[object]:
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
