"""One flush of one shard: fold the window log into the windows, and emit the panes that are due.

The order makes a crash between any two lines harmless:

1. open     read the control document; its read time is the present, and the log is listed after it
2. begin    take the lease and a number, note the windows that are born: fences every predecessor
3. recover  emit again what a dead flush saved and may not have emitted: same revisions, same rows
4. a group of buckets at a time, some groups at once:
   load     drop the events that the bucket holds already, fold, decide the panes due
   save     the buckets with the control document, which names them as pending
   emit     rows to BigQuery, window features to the online store
5. finish   move the cursor and the watermark, settle windows, release the lease

A crash before a save folds again; after it the digests drop the events and step 3 emits the same rows. Memory
is bounded by a page of the log and the groups at work.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from functions.aggregate import reports
from functions.aggregate.bucket import Added, BucketState
from functions.aggregate.emitting import Emitter
from functions.aggregate.loading import load
from functions.aggregate.log_reader import Page, read_page, sort
from functions.aggregate.planning import Locations, Work, groups_of, windows_with_births, work_of
from functions.aggregate.session import FencedOut, Session
from functions.aggregate.summary import Summary
from functions.aggregate.triggers import Progress
from shared import gc_tuning
from shared.clock import from_micros
from shared.errors import Retry
from shared.telemetry.logs import log
from shared.windows.bucket_documents import meta_fields, meta_name
from shared.windows.documents import Documents, Refused, Unreadable, Write
from shared.windows.log import is_retired, sealed_before
from shared.windows.state import KEEP_SETTLED, Bucket, Control, OpenWindow, segment_key

AT_ONCE = 4
"""Groups at work: while one loads, another saves and others emit."""
BUSY_SECONDS = 4.0
"""For which four groups, folded and encoded one after the other, may keep the loop from answers."""
BUDGET = 100.0
"""Seconds after which no new round begins: within the function's timeout of 300 s, whatever the round
takes."""


@dataclass(slots=True)
class Flush:
    """One run; the session is open."""

    documents: Documents
    session: Session
    emitter: Emitter
    allowed_lateness: timedelta
    monotonic: Callable[[], float]
    summary: Summary = field(default_factory=Summary)
    locations: Locations = field(init=False)
    _position: str = ""
    _sealed_before: int = 0
    _listed: list[str] = field(default_factory=list)
    """The ids of this run's segments, as far as they are behind the cursor."""
    _emitted: set[Bucket] = field(default_factory=set)
    _saving: asyncio.Lock = field(default_factory=asyncio.Lock)
    _born: Counter[int] = field(default_factory=Counter)
    _counted: Counter[int] = field(default_factory=Counter)
    """New locations and events of each window."""

    def __post_init__(self) -> None:
        self.locations = Locations(self.session.shard, self.session.generation)

    async def run(self) -> Summary:
        """Rounds until the log is read or the time is up; raises Retry when a service fails."""
        began = self.monotonic()
        if is_retired(self.session.generation, self.session.control):
            return self.summary
        if self.session.is_taken:
            return self.summary.skip(from_micros(self.session.control.lease_until))
        self._position = self.session.control.cursor
        self._sealed_before = sealed_before(self.session.now)
        self.summary.behind(self.session.control.watermark, self._sealed_before)
        status = "backlog"
        try:
            while status == "backlog" and self.monotonic() - began < BUDGET:
                with gc_tuning.paused():
                    is_read = await self._round()
                status = "done" if is_read else status
        except FencedOut:
            status = "fenced"
            self.summary.detail = "another flush took over and does the rest"
        await self.emitter.report_unwritten()
        self.summary.status = status
        self.summary.panes, self.summary.settled = self.emitter.panes, self.emitter.settled
        self.summary.took = timedelta(seconds=self.monotonic() - began)
        return self.summary

    async def _round(self) -> bool:
        """Whether the log was read to its end."""
        control, now = self.session.control, self.session.now
        page = await read_page(self.documents, self._position, control.cursor, self._sealed_before)
        self._position = page.position
        progress = Progress(now, max(control.watermark, page.watermark), page.at_end, self.allowed_lateness)
        self._listed += [segment.id for segment in page.segments]
        fresh = [segment for segment in page.segments if segment_key(segment.id) not in control.ahead]
        self.summary.segments += len(fresh)
        found = sort(fresh, partial(self.locations.are_ours, control.settled_before))
        windows = windows_with_births(found, control)
        self.summary.events[Added.TOO_LATE] += found.too_late_events
        work = work_of(found.events, windows, control, progress, self.locations)
        try:
            if work or control.pending:
                await self.session.begin(windows)
                await self._recover()
            await self.emitter.send(reports.of_page(found, self.emitter.stamp()))
            groups = [partial(self._group, group, progress) for group in groups_of(work, windows)]
            await _all(AT_ONCE, groups)
            await self._finish(page, progress)
        except Retry:
            await self._give_up()
            raise
        return page.at_end

    async def _give_up(self) -> None:
        """What is lost with this run is recorded, and the next may begin at once."""
        try:
            await self.emitter.report_unwritten()
        except Retry as error:
            log.warning("online values that were not written could not be recorded: %s", error)
        await self.session.release()

    async def _recover(self) -> None:
        """Emits what a dead flush saved; what is left to recover shrinks as it goes."""
        emitted = self.session.control.emitted
        pending: Work = {bucket: {} for bucket in sorted(self.session.control.pending)}
        for group in groups_of(pending, self.session.control.windows):
            states, unreadable = await load(self.documents, self.session.shard, list(group))
            _report(unreadable)
            await self.emitter.emit([pane for state in states for pane in state.emitted_since(emitted)])
            await self.session.save(partial(_without, done=group))

    async def _group(self, work: Work, progress: Progress) -> None:
        states, unreadable = await load(self.documents, self.session.shard, list(work))
        _report(unreadable)
        await self.emitter.send(
            [
                record
                for key, error in unreadable.items()
                if work[key]
                for record in reports.unreadable_bucket(key, work[key], error, self.emitter.stamp())
            ]
        )
        for state in states:
            await asyncio.sleep(0)  # a group takes half a second: answers to the others are read in between
            state.fold(work[state.key])
            window = self.session.control.windows[state.key[0]]
            state.fire(progress, self.session.control.number, window.has_ended)
            self.summary.looked_at(state)
        saved = await self._save(states, work, progress)
        await self.emitter.emit([pane for state in saved for pane in state.fired])
        await self.emitter.send(reports.too_late_in(saved, self.emitter.stamp()))
        self._emitted |= work.keys()
        for state in saved:
            self._born[state.key[0]] += state.born
            self._counted[state.key[0]] += state.added[Added.COUNTED]

    async def _save(
        self, states: Sequence[BucketState], work: Work, progress: Progress
    ) -> Sequence[BucketState]:
        """Those that were saved: one that the database refuses is set aside with its new events."""
        writes = [
            write
            for state in states
            for write in state.writes(self.session.now, progress.is_settled(state.key[0]))
        ]
        if not writes:
            return states
        pending = {state.key for state in states if state.fired}
        try:
            async with self._saving:
                await self.session.save(
                    lambda control: replace(control, pending=control.pending - self._emitted | pending),
                    writes,
                )
            return states
        except Refused as error:
            if len(states) == 1:
                await self.emitter.send(
                    reports.refused_bucket(states[0].key, work[states[0].key], error, self.emitter.stamp())
                )
                return []
        alone = [await self._save([state], work, progress) for state in states]
        return [state for saved in alone for state in saved]

    async def _finish(self, page: Page, progress: Progress) -> None:
        metas = [
            Write(meta_name(self.session.shard, start), meta_fields(window, progress.now + KEEP_SETTLED))
            for start, window in self.session.control.windows.items()
            if progress.is_settled(start)
        ]
        if metas:  # before the control document forgets the windows
            await self.session.save(lambda control: control, metas)
        windows = self._open_after(progress)
        self._listed = [segment for segment in self._listed if segment > page.cursor]
        ahead = frozenset(map(segment_key, self._listed))
        await self.session.finish(
            lambda control: replace(
                control,
                cursor=page.cursor,
                watermark=progress.watermark,
                settled_before=max(control.settled_before, progress.settled_before),
                ahead=ahead,
                windows=windows,
                locations=max((window.locations for window in windows.values()), default=control.locations),
                events=max((window.events for window in windows.values()), default=control.events),
            )
        )
        self._emitted.clear()
        self._born.clear()
        self._counted.clear()

    def _open_after(self, progress: Progress) -> dict[int, OpenWindow]:
        """The windows that this round does not settle, with what it has found of them."""
        return {
            start: replace(
                window,
                locations=window.locations + self._born[start],
                events=window.events + self._counted[start],
                has_ended=window.has_ended or progress.has_ended(start),
            )
            for start, window in self.session.control.windows.items()
            if not progress.is_settled(start)
        }


def _report(unreadable: Mapping[Bucket, Unreadable]) -> None:
    for (start, bucket), error in unreadable.items():
        log.error(
            "bucket %s of the window %s can't be read (%s) and emits no panes: deploy the release that wrote "
            "it, or run cqc verify-windows --repair",
            bucket,
            from_micros(start).isoformat(),
            error,
        )


def _without(control: Control, done: Iterable[Bucket]) -> Control:
    return replace(control, pending=control.pending - frozenset(done))


async def _all(at_once: int, jobs: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Runs all jobs, some at once; the first that fails ends the others, and its error is raised."""
    waiting = iter(jobs)

    async def work() -> None:
        for job in waiting:
            await job()

    workers = [asyncio.create_task(work()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    except BaseException:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        raise
