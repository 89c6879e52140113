"""Group commit: the requests that an instance holds at once share one write.

A request submits its item and waits. A timer of a few milliseconds lets a batch gather, a full batch is
committed at once, beside one that is under way, and meanwhile the next one fills. A request is answered after
its batch is durable, so nothing is acknowledged that could still be lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from shared.errors import Busy
from shared.telemetry import tracing
from shared.telemetry.spans import SpanScope

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")

Outcome = Exception | None
"""One item's result: None is durable, an error is raised in the request that submitted it."""
Commit = Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is committed, and how much an instance may hold."""

    max_items: int = 40
    """Half of an instance's 80 concurrent requests: while the sinks take one half, the other one arrives, is
    decoded and goes out, too. A batch of all of them would leave the CPU idle until its answer."""
    max_bytes: int = 4_000_000
    """Under the 10 MB of one Pub/Sub publish and of one BigQuery append, with room for overhead."""
    linger_seconds: float = 0.005
    """About the latency of one commit, so waiting at most doubles it."""
    max_waiting: int = 1_000
    """Several times Cloud Run's highest useful concurrency for one vCPU; beyond it a request gets Busy."""
    max_in_flight: int = 2
    """Batches. A third would have to be a third of the requests: more calls for the same events."""


PULLED = BatchLimits(max_items=200, linger_seconds=0.1)
"""Where a stage pulls (BATCH_MAX_EVENTS, BATCH_LINGER_MS). No number of requests bounds a batch there: at 40,
100 and 200 an event costs `parse` 0.64, 0.56 and 0.52 times the CPU of a no-op's request, `features` 1.37,
1.20 and 1.06 times; two batches are what comes again after a kill. An instance is paid for while it waits,
too, so a tenth of a second only saves calls: at 50 events a second three of four to Firestore."""


class _Waiting(NamedTuple, Generic[Item]):
    """An item, its size in bytes, and its request's future and span."""

    item: Item
    size: int
    done: asyncio.Future[None]
    scope: SpanScope | None


def with_isolated_prepare(prepare: Callable[[Item], Prepared], commit: Commit[Prepared]) -> Commit[Item]:
    """A commit that first prepares each item; what `prepare` raises is that item's outcome alone.

    Preparing a batch in one loop instead of each item in its own request saves 10 to 13 µs of CPU time per
    event in `parse`: the code stays in the processor's caches.
    """

    async def commit_prepared(items: Sequence[Item]) -> list[Outcome]:
        prepared = [_attempt(prepare, item) for item in items]
        good = [result for result in prepared if not isinstance(result, _Failed)]
        outcomes = iter(await commit(good) if good else ())
        return [result.error if isinstance(result, _Failed) else next(outcomes) for result in prepared]

    return commit_prepared


class _Failed(NamedTuple):
    error: Exception


def _attempt(prepare: Callable[[Item], Prepared], item: Item) -> Prepared | _Failed:
    try:
        return prepare(item)
    except Exception as error:  # noqa: BLE001 - not swallowed: it is raised in the item's own request
        return _Failed(error)


class GroupCommit(Generic[Item]):
    """Collects items from concurrent requests and commits them batch by batch, two batches at a time.

    `commit` gets a batch in order of arrival and returns one Outcome per item; what it raises instead is
    raised in every request of the batch. It must bound its own time, and bear a second call beside itself:
    batches may end in any order. `name` names the spans of a request's wait and of the batch's commit.
    """

    def __init__(
        self,
        commit: Commit[Item],
        limits: BatchLimits,
        name: str = "write",
    ) -> None:
        self._commit = commit
        self._limits = limits
        self._name = name
        self._waiting: list[_Waiting[Item]] = []
        self._waiting_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._in_flight: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item, size: int) -> None:
        """Returns when `item` (of about `size` bytes) is durable.

        Raises the item's own Outcome, what its batch's commit raised, or Busy when the queue is full.
        """
        if len(self._waiting) >= self._limits.max_waiting:
            raise Busy(
                f"this instance already holds {len(self._waiting)} messages: Pub/Sub will deliver it again"
            )
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with tracing.step(self._name) as scope:
            self._waiting.append(_Waiting(item, size, done, scope))
            self._waiting_bytes += size
            self._start_or_linger()
            await done

    def _start_or_linger(self) -> None:
        """Starts full batches at once, a partial one after the linger and only when none is in flight.

        Beside another one, a partial batch would cost a moderate load twice the calls for the same events.
        """
        while self._is_full() and len(self._in_flight) < self._limits.max_in_flight:
            self._start()
        if self._waiting and not self._in_flight and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._limits.linger_seconds, self._start)

    def _is_full(self) -> bool:
        return len(self._waiting) >= self._limits.max_items or self._waiting_bytes >= self._limits.max_bytes

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch = self._take()
        # In a fresh context: the batch does not belong to the request that happened to start it.
        task = asyncio.get_running_loop().create_task(self._run(batch), context=Context())
        self._in_flight.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        # Lingers again, though the items gathered during the commit have already waited: the senders that
        # are answered now send their next messages within milliseconds, and one batch costs half of two.
        self._start_or_linger()

    def _take(self) -> list[_Waiting[Item]]:
        """Takes the longest prefix of the queue within both limits, at least one item."""
        count = taken = 0
        for waiting in self._waiting[: self._limits.max_items]:
            if count and taken + waiting.size > self._limits.max_bytes:
                break
            count, taken = count + 1, taken + waiting.size
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._waiting_bytes -= taken
        return batch

    async def _run(self, batch: list[_Waiting[Item]]) -> None:
        try:
            with tracing.batch(f"{self._name} batch", [waiting.scope for waiting in batch]):
                outcomes = await self._commit([waiting.item for waiting in batch])
            for waiting, outcome in zip(batch, outcomes, strict=True):
                _resolve(waiting.done, outcome)
        except BaseException as error:
            # Every request of the batch must see the error, even a bug or a cancellation.
            for waiting in batch:
                _resolve(waiting.done, error)
            if not isinstance(error, Exception):
                raise


def _resolve(done: asyncio.Future[None], outcome: BaseException | None) -> None:
    if done.done():  # its request was cancelled: nothing waits for the answer
        return
    if outcome is None:
        done.set_result(None)
    else:
        done.set_exception(outcome)
