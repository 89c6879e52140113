"""`cqc trace`: the spans of one event, as `cqc up --trace` collected them."""

from collections.abc import Sequence
from pathlib import Path

from tools.console import as_json, console, table
from tools.errors import CommandError, UsageError
from tools.pipeline import address
from tools.pipeline.spans import LATEST, Span, fetch, tree

_SHOWN = ("error.type", "messaging.batch.message_count", "messaging.gcp_pubsub.message.delivery_attempt")


def run(event_id: str, chain_file: Path | None, as_machine: bool) -> None:
    """Shows the spans as a tree, each with its start after the first one's and its length."""
    chain = address.find(chain_file)
    if chain.otlp is None:
        raise UsageError("this chain collects no spans: start it with `cqc up --trace`")
    spans = fetch(chain.otlp, event_id)
    if not spans:
        what = "no event" if event_id == LATEST else f"no event {event_id}"
        raise CommandError(
            f"the collector has spans of {what}: the newest come within a second, the oldest of 50,000 go; "
            "`cqc trace latest` shows the last one"
        )
    if as_machine:
        console().out(as_json([span.model_dump() for span in spans]))
        return
    title = f"trace {_own(spans)[0].trace_id} of {_own(spans)[0].attributes['event_id']}"
    rows = [_row(depth, span, spans[0].start) for depth, span in tree(spans)]
    console().print(table(("span", "by", "from ms", "ms", ""), rows, title=title))


def _own(spans: Sequence[Span]) -> list[Span]:
    return [span for span in spans if "event_id" in span.attributes]


def _row(depth: int, span: Span, first: int) -> tuple[str, str, float, float, str]:
    notes = [
        f"{name.rsplit('.', 1)[-1]} {span.attributes[name]}" for name in _SHOWN if name in span.attributes
    ]
    name = ("  " * (depth - 1) + "└ " if depth else "") + span.name
    return name, span.service, (span.start - first) / 1e6, (span.end - span.start) / 1e6, ", ".join(notes)
