"""`cqc publish`: JSON lines to the chain's first topic."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from shared.dead_letters.record import read_hints
from shared.telemetry.trace_context import ATTRIBUTE
from tools.console import as_json, console, table
from tools.local.parts import trace_settings
from tools.pipeline import address
from tools.pipeline.address import ChainAddress
from tools.pipeline.publishing import STDIN, Published, opened, publish
from tools.pipeline.pubsub import PubSub


def run(file: str, rate: float | None, chain_file: Path | None, as_machine: bool) -> None:
    """Publishes the file's lines and shows how many, how fast, and their first and last message id."""
    chain = address.find(chain_file)
    topic = chain.topics["events"]
    client = PubSub(chain.pubsub)
    try:
        with (
            opened(file) as stream,
            _progress(file, not as_machine) as progress,
            _sender(client, chain, topic) as send,
        ):
            done = publish(stream, send, rate, progress)
    finally:
        client.close()
    if as_machine:
        console().out(as_json(asdict(done)))
    else:
        _show(done, topic)


@contextmanager
def _sender(client: PubSub, chain: ChainAddress, topic: str) -> Iterator[Callable[[list[bytes]], list[str]]]:
    """Publishes lines; where the chain collects spans, each line begins a trace."""
    if chain.otlp is None:
        yield lambda lines: client.publish(topic, lines)
        return
    os.environ.update(trace_settings(chain))
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


def _show(done: Published, topic: str) -> None:
    rows = [(name.replace("_", " "), value) for name, value in asdict(done).items()]
    console().print(table((f"to {topic}", ""), rows))


@contextmanager
def _progress(file: str, wanted: bool) -> Iterator[Callable[[list[bytes]], None]]:
    """A bar of the bytes sent, on a terminal's stderr; nothing elsewhere."""
    if not wanted or not sys.stderr.isatty():
        yield lambda _lines: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    total = None if file == STDIN else Path(file).stat().st_size
    columns = (
        TextColumn("publishing"),
        BarColumn(),
        TextColumn("{task.fields[events]:,} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("publishing", total=total, events=0)
        sent = 0

        def advance(lines: list[bytes]) -> None:
            nonlocal sent
            sent += len(lines)
            bar.update(task, advance=sum(len(line) + 1 for line in lines), events=sent)

        yield advance
