"""One event's spans, from the collector of `cqc up --trace`, as a tree."""

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tools.errors import CommandError

LATEST = "latest"
TIMEOUT = 10.0


class Span(BaseModel):
    """A span; ids in hex, times in nanoseconds since the epoch, links as span ids."""

    model_config = ConfigDict(frozen=True)

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    start: int
    end: int
    attributes: Mapping[str, str]
    links: Sequence[str]


_SPANS = TypeAdapter(list[Span])


def fetch(collector: str, event_id: str) -> list[Span]:
    """The spans of an event (or of the latest) in order of start; empty for an unknown event.

    Raises CommandError when the collector at this http URL does not answer.
    """
    try:
        with urllib.request.urlopen(
            f"{collector}/events/{quote(event_id, safe='')}", timeout=TIMEOUT
        ) as answer:
            return _SPANS.validate_json(answer.read())
    except (OSError, ValidationError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise CommandError(
            f"the collector at {collector} returned no spans ({reason}): see otlp's log"
        ) from None


def tree(spans: Sequence[Span]) -> Iterator[tuple[int, Span]]:
    """Each span with its depth, parents first; a batch is a child of the first step it links to."""
    known = {span.span_id for span in spans}

    def below(parent: Span | None, depth: int) -> Iterator[tuple[int, Span]]:
        for span in spans:
            if _parent(span, known) == (parent.span_id if parent else None):
                yield depth, span
                yield from below(span, depth + 1)

    return below(None, 0)


def _parent(span: Span, known: set[str]) -> str | None:
    if span.parent_id in known:
        return span.parent_id
    return next((link for link in span.links if link in known), None)
