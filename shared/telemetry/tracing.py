"""Spans from a message's arrival to its row, and the trace that log lines belong to.

Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set. While off, no SDK is imported, a span is one shared object that
does nothing, and a message's trace is only passed on. shared/telemetry/otlp.py makes the real spans.

    received   one per message: parse, features, deadletter
    └── step   a part of that work: the wait for its batch (publish, write, record)
    batch      one per group commit, in a new trace, linked to each message's step
    └── step   a part of that: append rows, append to the window log, write online values
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from shared.message import Message
from shared.telemetry.spans import SpanScope, Tracer, current
from shared.telemetry.trace_context import ATTRIBUTE, TraceContext, of_attributes, of_headers

if TYPE_CHECKING:
    from requests import Session


@dataclass(frozen=True)
class _Delivery:
    """A message's trace while there are no spans: its publisher's, else the request's. Read on demand by
    a log line: most messages write none."""

    message: Message
    request: Scope | None

    @cached_property
    def context(self) -> TraceContext | None:
        of_message = of_attributes(self.message.attributes)
        if of_message is not None or self.request is None:
            return of_message
        return of_headers(Headers(scope=self.request))

    def annotate(self, attributes: Mapping[str, str]) -> None:
        """Does nothing: there is no span."""


_NOTHING: AbstractContextManager[None] = nullcontext()
_tracer: Tracer | None = None


def configure(stage: str, endpoint: str | None, google_session: "Callable[[], Session]") -> None:
    """Exports this process's spans by OTLP if there is an endpoint; call it in the process that serves.

    What goes to Google's own endpoint (https://telemetry.googleapis.com) is signed by `google_session`.
    """
    global _tracer
    if endpoint is None:
        _tracer = None
        return
    from shared.telemetry.otlp import OtlpTracer, google_exporter

    is_google = (urlsplit(endpoint).hostname or "").endswith(".googleapis.com")
    _tracer = OtlpTracer(stage, google_exporter(google_session()) if is_google else None)


def received(message: Message, request: Scope | None = None) -> AbstractContextManager[object]:
    """Around all the work on a message, in a task of its own; `request` is the push that brought it."""
    if _tracer is not None:
        return _tracer.received(message)
    current.set(_Delivery(message, request))  # ends with the message's task
    return _NOTHING


def step(name: str) -> AbstractContextManager[SpanScope | None]:
    """Around a part of the work."""
    return _NOTHING if _tracer is None else _tracer.step(name)


def batch(name: str, scopes: Sequence[SpanScope | None]) -> AbstractContextManager[object]:
    """Around work that several messages share."""
    return _NOTHING if _tracer is None else _tracer.batch(name, scopes)


def annotate(attributes: Mapping[str, str]) -> None:
    """Adds what is now known about the message to its span, if there is one."""
    if _tracer is not None and (scope := current.get()) is not None:
        scope.annotate(attributes)


def outgoing(attributes: Mapping[str, str]) -> Mapping[str, str]:
    """The attribute by which a message made from one with these attributes stays in its trace; or none."""
    scope = None if _tracer is None else current.get()
    context = of_attributes(attributes) if scope is None else scope.context
    return {} if context is None else {ATTRIBUTE: context.traceparent}
