"""A history: the real `features` and `aggregate` code between services in memory, on virtual time.

Pub/Sub delivers late, twice, out of order and again after every failure; flushes come each minute, overlap,
are killed at any await and lose their leases; calls fail before or after their effect. At `heals_at` all of
that ends, clocks are set right, and the history runs on until every window is closed.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from unittest.mock import patch

from functions.aggregate.tick import FlushDependencies, flush
from functions.features.writing import FeatureWriter
from shared.clock import from_micros, to_micros
from shared.errors import Retry
from shared.message import Message
from shared.windows.documents import Reading, Write
from shared.windows.key import closes_at, window_of
from shared.windows.log import LogWriter, segment_id
from shared.windows.lookup import Lookup
from shared.windows.state import Control, Layout
from tests.simulation.parts import (
    BEGIN,
    LIMITS,
    Instance,
    event_time,
    features_settings,
    flush_settings,
    message_of,
)
from tests.simulation.plan import Plan, Publication
from tests.support.faults import Faults
from tests.support.memory_documents import Database, MemoryDocuments
from tests.support.memory_sinks import MemoryDeadLetters, MemoryOnline, MemoryRows, Sinks
from tests.support.virtual_time import run

ACK_DEADLINE = 90


@dataclass
class SimulatedChain:
    plan: Plan
    random: Random
    database: Database = field(init=False)
    sinks: Sinks = field(default_factory=Sinks)
    acknowledged: dict[str, list[int]] = field(default_factory=dict)
    """Event id to the database's times at which a delivery of it was answered with success."""
    tables: list[MemoryRows] = field(default_factory=list)
    """realtime_features, as each instance of `features` has met it."""
    is_healed: bool = False
    waiting: int = 0
    """Messages that are not acknowledged for good."""
    bugs: list[BaseException] = field(default_factory=list)
    """What a flush or a delivery raised besides Retry."""
    is_closed: bool = False
    """Every window is settled, and the control documents hold nothing."""
    _faults: list[Faults] = field(default_factory=list)
    _tasks: set[asyncio.Task[object]] = field(default_factory=set)
    _instances: list[Instance] = field(default_factory=list)
    _names: int = 0

    def __post_init__(self) -> None:
        self.database = Database(self.now)

    def seconds(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> int:
        return to_micros(BEGIN) + int(self.seconds() * 1_000_000)

    async def live(self) -> None:
        self._instances = [self._instance(skew) for skew in self.plan.skews]
        for publication in self.plan.publications:
            self._start(self._subscription(publication))
        for number in range(self.plan.unreadable):
            self._start(self._litter(number))
        for since, _ in self.plan.later:
            self._start(self._deploy(since))
        ticks = self._start(self._ticks())
        await asyncio.sleep(self.plan.heals_at)
        ticks.cancel()
        self._heal()
        last = max(window_of(to_micros(event_time(publication))) for publication in self.plan.publications)
        lateness = max(self.plan.latenesses)
        end = closes_at(last, timedelta(seconds=lateness))
        quiet, patience = 0, max(self.now(), end) + (3 * lateness + 2400) * 1_000_000
        while quiet < 2 and not self.bugs and self.now() < patience:
            is_over = self.waiting == 0 and self.now() > end + 60_000_000
            for job in self._jobs():
                await self._tick(self._shards(), job)
            await asyncio.sleep(60 if self.waiting or self.now() > end else max(60, lateness / 3))
            quiet = quiet + 1 if is_over and self._holds_nothing() else 0
        self.is_closed = quiet == 2

    def _holds_nothing(self) -> bool:
        reading = Reading(self.database.documents, self.now())
        shards = [shard for generation in Layout.found_in(reading).generations for shard in generation.all()]
        controls = [Control.found_in(reading, shard) for shard in shards]
        return not any(control.windows or control.pending or control.lease_until for control in controls)

    def _heal(self) -> None:
        self.is_healed = True
        for faults in self._faults:
            faults.heal()
        for instance in self._instances:
            instance.die()
        self._instances = [self._instance(0) for _ in self.plan.skews]

    def _start(self, work: Coroutine[object, object, object]) -> "asyncio.Task[object]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.bugs.append(error)

    def _service(self, name: str) -> Faults:
        plan = self.plan
        share, mine = plan.fails / 4, [outage for outage in plan.outages if outage.service == name]
        faults = Faults(
            self.random,
            fails=share,
            loses_answers=share,
            lands_late=share,
            lands_twice=share,
            delay=plan.delay,
            stalls=plan.stalls,
            is_away=lambda: any(outage.since <= self.seconds() < outage.until for outage in mine),
        )
        if self.is_healed:
            faults.heal()
        self._faults.append(faults)
        return faults

    def _clock(self, skew: int) -> datetime:
        return from_micros(self.now()) + timedelta(seconds=0 if self.is_healed else skew)

    def _unique(self) -> str:
        self._names += 1
        return f"{self.random.randrange(1000):03}{self._names}"

    def _instance(self, skew: int) -> Instance:
        names = ("documents", "rows", "online", "dead letters")
        documents, rows, online, dead_letters = faults = [self._service(name) for name in names]
        store = MemoryDocuments(self.database, documents)
        settings = features_settings(self._lateness(), self.random.choice((1, 2, 3, 40)))
        table = MemoryRows(self.sinks.rows, rows)
        self.tables.append(table)
        writer = FeatureWriter(
            rows=table,
            log=LogWriter(store, self._unique),
            late_events=Lookup(store),
            online=MemoryOnline([], online),
            dead_letters=MemoryDeadLetters(self.sinks.dead_letters, dead_letters),
            settings=settings,
            clock=partial(self._clock, skew),
        )
        return Instance(writer, faults)

    async def _subscription(self, publication: Publication) -> None:
        """Delivers until it is acknowledged, and now and then once more."""
        self.waiting += 1
        message = message_of(publication)
        await asyncio.sleep(publication.at + publication.delay)
        backoff = 1.0
        while True:
            while self.random.random() < self.plan.repeats and not self.is_healed:
                self._start(
                    self._deliver(publication.event_id, message, self.random.choice((0, 1, 120, 900)))
                )
            if await self._deliver(publication.event_id, message):
                break
            await asyncio.sleep(backoff * self.random.uniform(0.5, 1))
            backoff = min(60.0, 2 * backoff)
        if self.random.random() < self.plan.repeats:
            await asyncio.sleep(self.random.uniform(0, self.plan.lateness + 400))
            delay = 0
            while not await self._deliver(publication.event_id, message, delay):
                delay = 30
        self.waiting -= 1

    async def _deliver(self, event_id: str, message: Message, delay: float = 0) -> bool:
        await asyncio.sleep(delay)
        instance = self.random.choice(self._instances)
        try:
            async with asyncio.timeout(ACK_DEADLINE):
                await instance.writer.process(message)
        except (Retry, TimeoutError):
            return False
        self.acknowledged.setdefault(event_id, []).append(self.now())
        return True

    async def _litter(self, number: int) -> None:
        """A document in the log that nobody can read, or that is not even named like a segment."""
        await asyncio.sleep(self.random.uniform(0, self.plan.heals_at))
        name = self.random.choice((segment_id(self.now(), f"junk{number}"), f"zz{number}", f"00x{number}"))
        self.database.commit(
            [Write(f"window_log/{name}", {"format": self.random.choice((1, 2)), "count": 3})]
        )

    async def _ticks(self) -> None:
        while True:
            if not any(since <= self.seconds() < until for since, until in self.plan.no_flush):
                for shard in self._jobs():
                    if self.random.random() >= self.plan.skips:
                        task = self._start(self._tick(self._shards(), shard))
                        if self.random.random() < self.plan.kills:
                            self._start(
                                _kill(task, self.random.choice((0, 1, 10, 60)) * self.random.random())
                            )
            if self.random.random() < self.plan.kills / 2:
                self._replace(self.random.randrange(len(self._instances)))
            await asyncio.sleep(60)

    def _jobs(self) -> list[int | None]:
        """One that flushes all, or one a shard; now and then twice."""
        jobs: list[int | None] = list(range(self._shards())) if self.plan.by_shard else [None]
        return jobs * (1 if self.is_healed else self.random.choice((1, 1, 2)))

    def _shards(self) -> int:
        return self._deployed(1, sorted(self.plan.shards))

    def _lateness(self) -> int:
        return self._deployed(self.plan.lateness, self.plan.later)

    def _deployed(self, first: int, later: Sequence[tuple[float, int]]) -> int:
        """As the newest deployment has it, or in the middle of one now and then the one before."""
        had = [first, *(value for since, value in later if since <= self.seconds())]
        if len(had) == 1 or self.is_healed or self.random.random() < 0.8:
            return had[-1]
        return self.random.choice(had[-2:])

    async def _deploy(self, at: float) -> None:
        """New instances, which may have another allowed lateness."""
        await asyncio.sleep(at)
        for place in range(len(self._instances)):
            self._replace(place)

    def _replace(self, place: int) -> None:
        self._instances[place].die()
        self._instances[place] = self._instance(self.plan.skews[place])

    async def _tick(self, shards: int, shard: int | None) -> None:
        dependencies = FlushDependencies(
            documents=MemoryDocuments(self.database, self._service("documents")),
            rows=MemoryRows(self.sinks.panes, self._service("panes")),
            online=MemoryOnline(self.sinks.online, self._service("online")),
            dead_letters=MemoryDeadLetters(self.sinks.dead_letters, self._service("dead letters")),
            clock=partial(self._clock, self.plan.flush_skew),
            monotonic=self.seconds,
            settings=flush_settings(self._lateness(), shards),
        )
        try:
            async with asyncio.timeout(300):
                await flush(dependencies, shard, self._unique())
        except (Retry, TimeoutError):
            return


async def _kill(task: "asyncio.Task[object]", after: float) -> None:
    await asyncio.sleep(after)
    task.cancel()


def live(plan: Plan) -> SimulatedChain:
    """The whole history, to its end."""
    random = Random(plan.seed)
    chain = SimulatedChain(plan, random)
    with ExitStack() as limits:
        if plan.is_small:
            for module, name, (least, most) in LIMITS:
                limits.enter_context(patch.object(module, name, random.randint(least, most)))
        run(random, chain.live())
    return chain
