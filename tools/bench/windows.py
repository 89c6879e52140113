"""The flush under load: minutes of events in a Firestore of our own clock, and what each tick costs
`aggregate`.

The function runs as deployed, under functions-framework, against the stand-in's wire protocol. Time is the
stand-in's: a minute of events is laid into the log in a second. ALLOWED_LATENESS is 5 minutes here, so that
windows settle while one looks on.
"""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson
from google.cloud.firestore_v1 import types

from shared.clock import to_micros
from shared.windows.contribution import Contribution
from shared.windows.key import digest
from shared.windows.log import segment_id
from shared.windows.segment import encode
from tools.bench.server import Server
from tools.bench.sinks import Sinks
from tools.local.parts import PROJECT
from tools.standins.firestore.server import FirestoreService
from tools.standins.firestore.store import Store
from tools.standins.serving import Endpoint

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LATENESS = timedelta(minutes=5)
SEGMENT = 80
"""Events in a segment: what an instance at a concurrency of 80 writes."""
KINDS = (
    *[("interaction", "dashboard_interaction")] * 70,
    *[("compliance", "compliance_alert")] * 10,
    *[("capacity", "capacity_update")] * 10,
    *[("inspection", "inspection_update")] * 5,
    *[("rating", "rating_change")] * 5,
)
_DATABASE = f"projects/{PROJECT}/databases/(default)"
_LOG = f"{_DATABASE}/documents/window_log"
_Write = types.Write.pb()


@dataclass(frozen=True, slots=True)
class Scale:
    """Events a second over so many locations, and into how many shards; delays in seconds a call."""

    rate: int
    locations: int
    shards: int = 1
    delay: tuple[float, float] = (0.002, 0.005)


@dataclass(frozen=True, slots=True)
class Tick:
    """One flush of one shard, and what it cost."""

    minute: int
    shard: int
    events: int
    panes: Mapping[str, int]
    status: str
    cpu_seconds: float
    wall_seconds: float
    read: int
    written: int
    new: int
    """Documents that were not there before, of those written."""
    segments: int
    megabytes: float
    log_bytes: int
    rss_mb: float


@dataclass(slots=True)
class Traffic:
    """Documents and bytes that Firestore was asked for; segments of the log apart from the windows'
    documents."""

    read: int = 0
    written: int = 0
    new: int = 0
    segments: int = 0
    bytes: int = 0


class TimedFirestore(FirestoreService):
    """The stand-in with a delay before each answer, counting what goes through it."""

    def __init__(self, store: Store, pause: Callable[[], Any]) -> None:
        super().__init__(store)
        self._pause = pause
        self.traffic = Traffic()
        self._known: set[str] = set()

    async def commit(self, request: Any) -> Any:
        names = {write.update.name for write in request.writes}
        self.traffic.written += len(request.writes)
        self.traffic.new += len(names - self._known)
        self._known |= names
        self.traffic.bytes += request.ByteSize()
        await self._pause()
        return await super().commit(request)

    async def batch_get(self, request: Any) -> AsyncIterator[Any]:
        self.traffic.read += len(request.documents)
        await self._pause()
        async for answer in super().batch_get(request):
            self.traffic.bytes += answer.ByteSize()
            yield answer

    async def run_query(self, request: Any) -> AsyncIterator[Any]:
        await self._pause()
        async for answer in super().run_query(request):
            self.traffic.segments += answer.HasField("document")
            self.traffic.bytes += answer.ByteSize()
            yield answer


@dataclass
class Testbed:
    """The clock, the documents, the sinks, and the events that come."""

    scale: Scale
    now: int = to_micros(START)
    random: Random = field(default_factory=lambda: Random(1))
    made: int = 0

    def __post_init__(self) -> None:
        self.store = Store(lambda: self.now)
        self.sinks = Sinks(self.scale.delay)
        self.firestore = TimedFirestore(self.store, self.sinks.pause)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Endpoint]:
        async with self.sinks.listen(
            {"google.firestore.v1.Firestore": self.firestore.handlers()}
        ) as endpoint:
            yield endpoint

    def pass_minute(self) -> None:
        """Lays a minute of events into the log, second by second."""
        for _ in range(60):
            self.now += 1_000_000
            events = [self._event() for _ in range(self.scale.rate)]
            for at in range(0, len(events), SEGMENT):
                self._append(events[at : at + SEGMENT])

    def _event(self) -> Contribution:
        self.made += 1
        location = f"1-{100_000_000 + self.random.randrange(self.scale.locations)}"
        at = self.now - self.random.randrange(2_000_000)
        category, kind = KINDS[self.random.randrange(len(KINDS))]
        identity = digest(location, f"event-{self.made}")
        return Contribution(location, identity, at, at + 300_000, kind, category, 1, 2, 1, 0, 0)

    def _append(self, events: list[Contribution]) -> None:
        name = f"{_LOG}/{segment_id(self.now, f'{self.made:010d}{self.random.randrange(10**6):06d}')}"
        write = _Write()
        write.update.name = name
        for field_name, value in encode(events).items():
            kind = {bytes: "bytes_value", str: "string_value", int: "integer_value"}[type(value)]
            setattr(write.update.fields[field_name], kind, value)
        self.store.commit(_DATABASE, [write])

    def forget_log(self) -> None:
        """What TTL would have deleted: keeps the bench small."""
        end = segment_id(self.now - 180_000_000, "")
        old = [
            document.name
            for document in self.store.in_collection(_LOG)
            if document.name.rsplit("/")[-1] < end
        ]
        self.store.commit(_DATABASE, [_Write(delete=name) for name in old])


def environment(endpoint: Endpoint, scale: Scale, feature_view: str) -> dict[str, str]:
    """The function's settings."""
    return {
        "PROJECT_ID": PROJECT,
        "FEATURE_VIEW": feature_view,
        "ALLOWED_LATENESS": str(LATENESS.total_seconds()),
        "FLUSH_SHARDS": str(scale.shards),
        "PUBSUB_EMULATOR_HOST": endpoint.address,
        "FIRESTORE_EMULATOR_HOST": endpoint.address,
        "BIGQUERY_STORAGE_EMULATOR_HOST": endpoint.address,
        "FEATURE_STORE_EMULATOR_HOST": endpoint.address,
    }


async def tick(testbed: Testbed, server: Server, minute: int, shard: int) -> Tick:
    """One flush of a shard; raises OSError when the function does not answer 200."""
    testbed.firestore.traffic = Traffic()
    cpu, logged, began = server.cpu_seconds(), server.log_bytes(), time.perf_counter()
    summary = await asyncio.to_thread(_post, server.port, shard)
    traffic = testbed.firestore.traffic
    return Tick(
        minute=minute,
        shard=shard,
        events=summary["events_folded"] + summary["duplicates"],
        panes=summary["panes"],
        status=summary["status"],
        cpu_seconds=server.cpu_seconds() - cpu,
        wall_seconds=time.perf_counter() - began,
        read=traffic.read,
        written=traffic.written,
        new=traffic.new,
        segments=traffic.segments,
        megabytes=traffic.bytes / 1e6,
        log_bytes=server.log_bytes() - logged,
        rss_mb=server.peak_rss_mb(),
    )


def _post(port: int, shard: int) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/?shard={shard}", method="POST")
    with urllib.request.urlopen(request, timeout=600) as answer:
        return orjson.loads(answer.read())


async def steady(testbed: Testbed, server: Server, minutes: int) -> AsyncIterator[Tick]:
    """A flush after each minute."""
    for minute in range(1, minutes + 1):
        testbed.pass_minute()
        testbed.now += 500_000
        for shard in range(testbed.scale.shards):
            yield await tick(testbed, server, minute, shard)
        testbed.forget_log()


async def backlog(testbed: Testbed, server: Server, minutes: int) -> AsyncIterator[Tick]:
    """So many minutes without a flush, and then ticks until the log is read."""
    for _ in range(minutes):
        testbed.pass_minute()
    for minute in range(minutes + 1, minutes + 21):
        testbed.now += 60_500_000
        done = await tick(testbed, server, minute, 0)
        yield done
        if done.status == "done":
            return


def costs(ticks: Sequence[Tick], seconds: Callable[[Tick], float]) -> tuple[float, float]:
    """Microseconds an event and a pane: the least squares of `seconds` = a · events + b · panes.

    The ticks must differ in how many events come to a pane."""
    rows = [(tick.events, sum(tick.panes.values()), seconds(tick) * 1e6) for tick in ticks]
    ee, pp = sum(e * e for e, _, _ in rows), sum(p * p for _, p, _ in rows)
    ep = sum(e * p for e, p, _ in rows)
    ec, pc = sum(e * c for e, _, c in rows), sum(p * c for _, p, c in rows)
    determinant = ee * pp - ep * ep
    if not determinant:
        return 0.0, 0.0
    return (ec * pp - pc * ep) / determinant, (pc * ee - ec * ep) / determinant


def calibration() -> float:
    """Microseconds in which orjson decodes an event on this machine at this moment."""
    event = orjson.dumps(dict(_sample_event()))
    began = time.process_time()
    for _ in range(20_000):
        orjson.loads(event)
    return (time.process_time() - began) / 20_000 * 1e6


def _sample_event() -> Iterator[tuple[str, object]]:
    yield from {
        "event_id": "2f6c3c5e-4a7e-4f0e-9a51-2f6f1d6d8a11",
        "location_id": "1-466088203",
        "event_type": "dashboard_interaction",
        "event_timestamp": "2026-06-01T12:00:00.123456Z",
        "publish_timestamp": "2026-06-01T12:00:00.423456Z",
        "processing_timestamp": "2026-06-01T12:00:00.623456Z",
        "pipeline_version": "0.1.0",
    }.items()
    yield (
        "metrics",
        {"user_type": "public", "page_views": 3, "search_queries": ["a", "b"], "time_on_page": 12.5},
    )
