"""The tracer's interface, and where in a trace the code is; tracing.py chooses the tracer, otlp.py is one."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Protocol

from shared.message import Message
from shared.telemetry.trace_context import TraceContext


class SpanScope(Protocol):
    """Where in a trace the code is now."""

    @property
    def context(self) -> TraceContext | None: ...

    def annotate(self, attributes: Mapping[str, str]) -> None:
        """Adds what is now known about the message: ids and error types, never its content."""


class Tracer(Protocol):
    """Makes spans; each is entered and left in the same task."""

    def received(self, message: Message) -> AbstractContextManager[SpanScope]:
        """A message's span, a child of its publisher's."""

    def step(self, name: str) -> AbstractContextManager[SpanScope | None]:
        """A child of where the code is now."""

    def batch(
        self, name: str, scopes: Sequence[SpanScope | None]
    ) -> AbstractContextManager[SpanScope | None]:
        """A span in a new trace, linked to these."""


current: ContextVar[SpanScope | None] = ContextVar("current", default=None)
