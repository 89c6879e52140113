"""Which trace a message belongs to: W3C's `traceparent` in its attributes or its request's headers. Pure.

The attribute is `googclient_traceparent`, as Google's own client libraries write and read it when their
tracing is on, so that a producer's trace continues here (docs/decisions/0041).
Source: https://www.w3.org/TR/trace-context/ and https://cloud.google.com/trace/docs/trace-context.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

ATTRIBUTE = "googclient_traceparent"
_PLAIN_ATTRIBUTE = "traceparent"
"""Set by hand or by other libraries: read, never written."""
_W3C = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_CLOUD = re.compile(r"(?!0{32})([0-9a-f]{32})(?:/([0-9]{1,20}))?(?:;o=(\d))?")


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span that others may follow; ids in lower-case hex."""

    trace_id: str
    span_id: str
    is_sampled: bool

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """From a traceparent; None for anything else: W3C says to ignore a malformed one."""
        found = _W3C.fullmatch(text) if text else None
        return cls(found[1], found[2], bool(int(found[3], 16) & 1)) if found else None


def of_attributes(attributes: Mapping[str, str]) -> TraceContext | None:
    """The publisher's span."""
    text = attributes.get(ATTRIBUTE) or attributes.get(_PLAIN_ATTRIBUTE)
    return TraceContext.parse(text)


def of_headers(headers: Mapping[str, str]) -> TraceContext | None:
    """The request's span; keys in lower case. Cloud Run sets both headers, the older one with decimal ids."""
    if (context := TraceContext.parse(headers.get("traceparent"))) is not None:
        return context
    found = _CLOUD.fullmatch(headers.get("x-cloud-trace-context", ""))
    if found is None:
        return None
    return TraceContext(found[1], f"{int(found[2] or 0) % 2**64:016x}", found[3] == "1")
