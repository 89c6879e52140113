"""What a message says stays out of logs, answers and spans, whatever the message and whatever the sinks do.

Every text in it is marked, names of fields too; the ids by which people look for an event are not, and stand
in log lines on purpose, as do names of fields that are plain identifiers. The sinks are hostile: their
refusals quote what they refuse.
"""

import asyncio
import logging
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.requests import Request
from starlette.types import Message as AsgiMessage

from functions.deadletter.recording import Recorder
from functions.features.writing import FeatureWriter
from functions.parse.forwarding import Forwarder
from shared.dead_letters.brake import DeadLetterBrake
from shared.dead_letters.publisher import DeadLetterPublisher
from shared.delivery.admission import ByteBudget
from shared.delivery.batching import BatchLimits, Outcome
from shared.delivery.intake import Intake, Process
from shared.delivery.push import PushHandler
from shared.errors import ErrorType, Reject
from shared.events import encode
from shared.message import OutMessage
from shared.online import OnlineFeatures, Unwritten
from shared.settings import FeaturesSettings, ParseSettings, RejectingSettings
from shared.tables.columns import STREAMING_ERRORS, Row
from shared.tables.sink import TableSink
from shared.telemetry import tracing
from shared.telemetry.logs import JsonFormatter, UnknownFields, log
from shared.telemetry.otlp import OtlpTracer
from shared.windows.log import LogWriter
from shared.windows.lookup import Lookup
from tests.support.memory_documents import Database, MemoryDocuments
from tests.unit.builders import DECODER, NOW, message, outcome
from tests.unit.strategies import nearly_good_events

MARK = "Mrs Smith"
"""A name, as a search query may hold it; not as a field may be called, whose names are logged on purpose."""
LIMITS = BatchLimits(linger_seconds=0)
IDS = ("event_id", "location_id")


def marked(value: Any) -> Any:
    """The value with the mark in each of its texts and names."""
    if isinstance(value, str):
        return f"{value}{MARK}"
    if isinstance(value, list):
        return [marked(element) for element in value]
    if isinstance(value, dict):
        return {name: marked(element) for name, element in value.items()} | {f"{MARK}'s home": MARK}
    return value


@st.composite
def deliveries(draw: st.DrawFn) -> bytes:
    """The body of a push: an event that is nearly right or any bytes, marked wherever it has a text."""
    event = draw(nearly_good_events())
    kept = set(draw(st.sets(st.sampled_from(["event_type", "timestamp"])))) | set(IDS)
    event = {name: value if name in kept else marked(value) for name, value in event.items()}
    if draw(st.booleans()):
        event[f"{MARK}_{draw(st.text(max_size=5))}"] = MARK
    data = orjson.dumps(event)
    data = draw(st.sampled_from([data, data, data, data[:-1], MARK.encode(), f'["{MARK}"]'.encode()]))
    return orjson.dumps(
        {
            "message": {
                "messageId": "17",
                "data": draw(st.sampled_from([b64encode(data).decode()] * 9 + [f"{MARK}="])),
                "attributes": draw(st.sampled_from([{"note": MARK}, {MARK: MARK}, {"note": 1, MARK: 2}])),
                "publishTime": draw(st.sampled_from([NOW.isoformat()] * 9 + [MARK])),
            },
            "subscription": "projects/p/subscriptions/s",
        }
    )


def refusal(content: object) -> Reject:
    return Reject(ErrorType.SINK_REJECTED, f"can't take {content!r}")


@dataclass
class Sinks:
    """All sinks of the chain, which refuse every other thing and quote it."""

    refuses: Iterator[bool]
    published: list[OutMessage] = field(default_factory=list)

    async def publish_batch(self, messages: Sequence[OutMessage]) -> list[Outcome]:
        outcomes = [refusal(sent) if next(self.refuses) else None for sent in messages]
        self.published += [sent for sent, refused in zip(messages, outcomes, strict=True) if not refused]
        return list(outcomes)

    async def append_rows(self, rows: Sequence[Row]) -> list[Outcome]:
        return [refusal(row) if next(self.refuses) else None for row in rows]

    async def append(self, rows: Sequence[bytes]) -> list[Outcome]:
        return [refusal(row) if next(self.refuses) else None for row in rows]

    async def write(self, entries: Sequence[OnlineFeatures]) -> Unwritten | None:
        return Unwritten.of(entries, f"can't take {entries!r}") if next(self.refuses) else None


def handlers(sinks: Sinks) -> dict[str, Callable[[], PushHandler]]:
    """The three functions that take messages, as their mains build them."""

    def handler(intake: Intake) -> PushHandler:
        return PushHandler(intake, ByteBudget(10**6))

    def dead_letters(stage: str) -> DeadLetterPublisher:
        return DeadLetterPublisher(
            sinks.publish_batch, stage=stage, clock=lambda: NOW, pipeline_version="1", limits=LIMITS
        )

    def rejecting(stage: str, settings: RejectingSettings, process: Process) -> PushHandler:
        brake = DeadLetterBrake(settings.brake_limits, lambda: 0.0)
        return handler(Intake(process, dead_letters(stage).send_rejected, brake))

    def parse() -> PushHandler:
        settings = ParseSettings(project_id="p", pipeline_version="1", batch_linger_ms=0)
        forwarder = Forwarder(sinks, settings, lambda: NOW, UnknownFields(lambda: 0.0))
        return rejecting("parse", settings, forwarder.forward)

    def features() -> PushHandler:
        settings = FeaturesSettings(project_id="p", pipeline_version="1", batch_linger_ms=0)
        store = MemoryDocuments(Database(lambda: int(NOW.timestamp() * 1e6)))
        late = Lookup(store)
        letters = dead_letters("features")
        writer = FeatureWriter(sinks, LogWriter(store), late, sinks, letters, settings, lambda: NOW)
        return rejecting("features", settings, writer.process)

    def deadletter() -> PushHandler:
        recorder = Recorder(TableSink(STREAMING_ERRORS, sinks), lambda: NOW, "1", LIMITS)
        return handler(Intake(recorder.process))

    return {"parse": parse, "features": features, "deadletter": deadletter}


@asynccontextmanager
async def observed() -> AsyncIterator[list[str]]:
    """All that is logged and traced meanwhile, as it would leave the process."""
    texts: list[str] = []
    lines = logging.Handler()
    lines.setFormatter(JsonFormatter("stage", "p"))
    lines.emit = lambda record: texts.append(lines.format(record))  # type: ignore[method-assign]
    exporter = InMemorySpanExporter()
    tracer = OtlpTracer("stage", exporter)
    log.addHandler(lines)
    tracing._tracer = tracer
    try:
        yield texts
    finally:
        tracing._tracer = None
        log.removeHandler(lines)
        tracer.close()
        texts += [span.to_json() for span in exporter.get_finished_spans()]


def request(body: bytes) -> Request:
    async def receive() -> AsgiMessage:
        return {"type": "http.request", "body": body}

    headers = [(b"authorization", f"Bearer {MARK}".encode()), (b"x-forwarded-for", MARK.encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def said_about(stage: str, bodies: Sequence[bytes], refuses: Iterator[bool]) -> list[str]:
    """Every text that leaves the function, besides what the sinks are given."""
    async with observed() as texts:
        handler = handlers(Sinks(refuses))[stage]()
        for body in bodies:
            response = await handler.handle(request(body))
            texts += [str(response.headers), bytes(response.body).decode()]
    return texts


def as_parsed(body: bytes) -> bytes:
    """The push as `features` gets it, where `parse` takes the event; else as it is."""
    push = orjson.loads(body)
    decoded = outcome(lambda: DECODER.decode(message(b64decode(push["message"]["data"])), NOW))
    if isinstance(decoded, tuple):
        push["message"]["data"] = b64encode(encode(decoded[0])).decode()
    return orjson.dumps(push)


@pytest.mark.parametrize("stage", ["parse", "features", "deadletter"])
@given(bodies=st.lists(deliveries(), min_size=1, max_size=4), refusals=st.integers(0, 2**12 - 1))
def test_nothing_that_a_message_says_leaves_a_function_but_for_its_sinks(
    stage: str, bodies: list[bytes], refusals: int
) -> None:
    sent = [as_parsed(body) for body in bodies] if stage == "features" else bodies
    texts = asyncio.run(said_about(stage, sent, cycle([bool(refusals >> bit & 1) for bit in range(12)])))
    assert texts
    assert not any(MARK in text for text in texts), next(text for text in texts if MARK in text)
