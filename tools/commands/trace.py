"""`cqc trace`: the spans of one event, as `cqc up --trace` collected them."""

from typing import TYPE_CHECKING, Annotated

import typer

from tools.commands.options import ChainFile, Dataset, Json, Project, Region
from tools.errors import CommandError, UsageError

if TYPE_CHECKING:
    from tools.pipeline.spans import Span

_SHOWN = ("error.type", "messaging.batch.message_count", "messaging.gcp_pubsub.message.delivery_attempt")


def trace(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID|latest")],
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Show one event's spans, from publish to its row.

    The chain must have been started with `cqc up --trace`.
    """
    from tools.console import console, print_json, table
    from tools.pipeline.deployment import Deployment, PipelineOptions, locate
    from tools.pipeline.spans import LATEST, fetch, tree

    pipeline = locate(PipelineOptions(chain, project, region, dataset))
    if isinstance(pipeline, Deployment):
        raise UsageError(
            "the spans of a deployment are where its OTEL_EXPORTER_OTLP_ENDPOINT sends them; for Cloud "
            "Trace, filter by the attribute event_id at "
            f"https://console.cloud.google.com/traces/explorer?project={pipeline.project}"
        )
    collector = pipeline.otlp
    if collector is None:
        raise UsageError("this chain collects no spans: start it with `cqc up --trace`")
    spans = fetch(collector, event_id)
    if not spans:
        what = "no event" if event_id == LATEST else f"no event {event_id}"
        raise CommandError(
            f"the collector has spans of {what}: new ones arrive within a second, and only the newest 50,000 "
            "are kept; `cqc trace latest` shows the last event"
        )
    if as_json:
        print_json([span.model_dump() for span in spans])
        return
    followed = next(span for span in spans if "event_id" in span.attributes)
    title = f"trace {followed.trace_id} of {followed.attributes['event_id']}"
    rows = [_row(depth, span, spans[0].start) for depth, span in tree(spans)]
    console().print(table(("span", "by", "from ms", "ms", ""), rows, title=title))


def _row(depth: int, span: "Span", first: int) -> tuple[str, str, float, float, str]:
    """The span's start after the first span's, and its length, in milliseconds."""
    notes = [
        f"{name.rsplit('.', 1)[-1]} {span.attributes[name]}" for name in _SHOWN if name in span.attributes
    ]
    name = ("  " * (depth - 1) + "└ " if depth else "") + span.name
    return name, span.service, (span.start - first) / 1e6, (span.end - span.start) / 1e6, ", ".join(notes)
