"""`cqc publish`: JSON lines to the pipeline's first topic."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tools.commands.options import ChainFile, Dataset, EventLines, Json, Project, Rate, Region

if TYPE_CHECKING:
    from tools.pipeline.deployment import Pipeline
    from tools.pipeline.pubsub import PubSub


def publish(
    file: EventLines,
    rate: Rate = None,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Publish events to the first topic, each as it is, bad ones too."""
    from tools.console import console, print_json, table
    from tools.pipeline import publishing
    from tools.pipeline.connect import connect_pubsub
    from tools.pipeline.deployment import PipelineOptions, locate

    found = locate(PipelineOptions(chain, project, region, dataset))
    topic = found.topics["events"]
    with (
        publishing.opened(file) as stream,
        closing(connect_pubsub(found)) as client,
        _progress(file, wanted=not as_json) as progress,
        _sender(client, found, topic) as send,
    ):
        done = publishing.publish(stream, send, rate, progress)
    if as_json:
        print_json(asdict(done))
        return
    rows = [(name.replace("_", " "), value) for name, value in asdict(done).items()]
    console().print(table((f"to {topic}", ""), rows))


@contextmanager
def _sender(
    client: "PubSub", pipeline: "Pipeline", topic: str
) -> Iterator[Callable[[list[bytes]], list[str]]]:
    """Publishes lines; where the chain collects spans, each line begins a trace."""
    from tools.pipeline.address import ChainAddress

    if not isinstance(pipeline, ChainAddress) or pipeline.otlp is None:
        yield lambda lines: client.publish(topic, lines)
        return
    from shared.dead_letters.record import read_hints
    from shared.telemetry.trace_context import ATTRIBUTE
    from tools.local.parts import trace_settings

    os.environ.update(trace_settings(pipeline))
    from shared.telemetry.otlp import OtlpTracer  # 0.2 s to import

    tracer = OtlpTracer("publish")

    def send(lines: list[bytes]) -> list[str]:
        with tracer.publishing(topic, [read_hints(line).event_id for line in lines]) as spans:
            messages = [
                (line, {ATTRIBUTE: span.traceparent}) for line, span in zip(lines, spans, strict=True)
            ]
            return client.publish_messages(topic, messages)

    try:
        yield send
    finally:
        tracer.close()


@contextmanager
def _progress(file: str, wanted: bool) -> Iterator[Callable[[list[bytes]], None]]:
    """A bar of the bytes sent; yields a function that takes each request's lines."""
    from tools.console import progress_bar
    from tools.pipeline.publishing import STDIN

    total = None if file == STDIN else Path(file).stat().st_size
    sent = 0
    with progress_bar("publishing", "{task.fields[events]:,} events", wanted, total, events=0) as update:

        def advance(lines: list[bytes]) -> None:
            nonlocal sent
            sent += len(lines)
            update(advance=sum(len(line) + 1 for line in lines), events=sent)

        yield advance
