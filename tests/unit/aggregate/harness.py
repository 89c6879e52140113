"""A dependencies for the flush in memory: ports that keep what they are given, and can fail at any call."""

import types
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeVar, cast

from functions.aggregate.panes import Trigger

from functions.aggregate.flush import Flush, FlushDependencies
from functions.aggregate.summary import Summary
from shared.dead_letters.record import DeadLetterRecord
from shared.errors import Retry
from shared.online import OnlineFeatures, Unwritten
from shared.tables.columns import Row
from shared.windows.key import WindowKey
from shared.windows.log import Contribution, encode_segment
from shared.windows.state import Control, FencedOut, Segment, StateDocument

T = TypeVar("T")

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@dataclass
class Database:
    """What is durable: the log, the states and the control document with its version."""

    segments: dict[str, Segment] = field(default_factory=dict)
    states: dict[WindowKey, StateDocument] = field(default_factory=dict)
    control: Control = field(default_factory=Control)
    version: int = 0
    names: Iterator[int] = field(default_factory=count)

    def append(self, contributions: Sequence[Contribution], at: datetime) -> None:
        name = f"s{next(self.names)}"
        self.segments[name] = Segment(name, encode_segment(contributions), at)


@types.coroutine
def pause() -> Generator[None, None, None]:
    """Where a coroutine can be left standing: for a while (another runs), or for good (the process died)."""
    yield


@dataclass
class Interruptions:
    """Pauses before and after the effect of each call of a port, and fails the n-th call if asked to.

    `answer_lost`: the call fails after its effect, as when a commit's answer is lost.
    """

    at_call: int | None = None
    answer_lost: bool = False
    calls: int = 0

    async def around(self, effect: Callable[[], None]) -> None:
        self.calls += 1
        await pause()
        fails = self.calls == self.at_call
        if not fails or self.answer_lost:
            effect()
        await pause()
        if fails:
            raise Retry("the service is away")


def run_to_end(coroutine: Coroutine[None, None, T]) -> T:
    """Steps a coroutine that awaits nothing but pauses until it returns or raises."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return cast(T, stop.value)


def steps(coroutine: Coroutine[None, None, object], count: int) -> None:
    """Steps a coroutine so often; it must not end by then."""
    for _ in range(count):
        coroutine.send(None)


class MemoryStore:
    """The Store port over a Database: fenced by its version, as Firestore is by update_time."""

    def __init__(self, database: Database, interruptions: Interruptions) -> None:
        self._database = database
        self._interruptions = interruptions
        self._fence = -1

    async def read_control(self) -> Control:
        control = self._database.control
        self._fence = self._database.version
        await self._interruptions.around(lambda: None)
        return control

    async def save(self, control: Control, states: Sequence[StateDocument] = ()) -> None:
        await self._interruptions.around(lambda: self._commit(control, states))

    def _commit(self, control: Control, states: Sequence[StateDocument]) -> None:
        if self._fence != self._database.version:
            raise FencedOut
        self._database.control = control
        self._database.states |= {state.key: state for state in states}
        self._database.version += 1
        self._fence = self._database.version

    async def read_segments(self, limit: int) -> list[Segment]:
        segments = list(self._database.segments.values())[:limit]
        await self._interruptions.around(lambda: None)
        return segments

    async def delete_segments(self, segments: Sequence[Segment]) -> None:
        def delete() -> None:
            for segment in segments:
                self._database.segments.pop(segment.segment_id, None)

        await self._interruptions.around(delete)

    async def load(self, keys: Iterable[WindowKey]) -> dict[WindowKey, StateDocument]:
        return {key: self._database.states[key] for key in keys if key in self._database.states}

    async def load_window(self, start: int) -> list[StateDocument]:
        return [state for key, state in self._database.states.items() if key.start == start]


@dataclass
class Sinks:
    """The other three ports: rows, online values and failures as they came."""

    interruptions: Interruptions = field(default_factory=Interruptions)
    rows: list[Row] = field(default_factory=list)
    online: list[OnlineFeatures] = field(default_factory=list)
    failures: list[DeadLetterRecord] = field(default_factory=list)
    refuse_rows: Exception | None = None
    refuse_online: str | None = None

    async def append_rows(self, rows: Sequence[Row]) -> list[Exception | None]:
        if self.refuse_rows is not None:
            return [self.refuse_rows for _ in rows]
        await self.interruptions.around(lambda: self.rows.extend(rows))
        return [None] * len(rows)

    async def write(self, entries: Sequence[OnlineFeatures]) -> Unwritten | None:
        if self.refuse_online is not None:
            return Unwritten.of(entries, self.refuse_online)
        await self.interruptions.around(lambda: self.online.extend(entries))
        return None

    async def send(self, failure: DeadLetterRecord) -> None:
        await self.interruptions.around(lambda: self.failures.append(failure))


@dataclass
class FlushHarness:
    """A clock that stands still, a database, sinks; `flush` runs one flush over them."""

    now: datetime = NOON
    database: Database = field(default_factory=Database)
    sinks: Sinks = field(default_factory=Sinks)
    trigger: Trigger = field(default_factory=lambda: Trigger(timedelta(hours=1), timedelta(seconds=10)))

    def flush(self, interruptions: Interruptions | None = None) -> Summary:
        """One flush from beginning to end."""
        return run_to_end(self.begin(interruptions))

    def begin(self, interruptions: Interruptions | None = None) -> Coroutine[None, None, Summary]:
        """A flush to be stepped by hand."""
        interruptions = interruptions or Interruptions()
        self.sinks.interruptions = interruptions
        dependencies = FlushDependencies(
            panes=self.sinks,
            online=self.sinks,
            dead_letters=self.sinks,
            trigger=self.trigger,
            clock=lambda: self.now,
            pipeline_version="test",
        )
        return Flush(dependencies, MemoryStore(self.database, interruptions), holder="test").run()

    def append(self, *contributions: Contribution) -> None:
        self.database.append(contributions, self.now)

    def latest(self) -> dict[WindowKey, Row]:
        """What realtime_features_aggregated_latest shows: the highest revision of each window."""
        best: dict[WindowKey, Row] = {}
        for row in self.sinks.rows:
            start, location = row["window_start"], row["location_id"]
            assert isinstance(start, datetime)
            assert isinstance(location, str)
            key = WindowKey(int(start.timestamp()) * 1_000_000, location)
            if key not in best or _revision(row) >= _revision(best[key]):
                best[key] = row
        return best


def _revision(row: Row) -> int:
    revision = row["revision"]
    assert isinstance(revision, int)
    return revision


def event(
    event_id: str,
    at: datetime = NOON,
    location: str = "1-100",
    arrived: datetime | None = None,
    category: str = "interaction",
    event_type: str = "dashboard_interaction",
    risk: int = 0,
    complexity: int = 0,
    **sums: int,
) -> Contribution:
    """A contribution with the defaults of an event that says little."""
    return Contribution(
        event_id=event_id,
        location_id=location,
        event_micros=int(at.timestamp()) * 1_000_000,
        arrival_micros=int((arrived or at).timestamp()) * 1_000_000,
        event_type=event_type,
        category=category,
        risk_score=risk,
        complexity_score=complexity,
        sums=sums,
    )
