"""One flush: fold the window log into the accumulators, emit the panes that are due, forget the log.

The order makes a crash between any two lines harmless:

1. begin   take the lease and a number; the control document is the fence of every later write
2. recover emit again what a dead flush saved and may not have emitted: same revisions, same rows
3. fold    read segments, drop events that the accumulators hold already, decide the panes due
4. save    the accumulators with their new revisions
5. emit    rows to BigQuery, window features to the online store
6. delete  the folded segments: folded twice they would change nothing
7. finish  note that this number's panes are written, release the lease
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from functions.aggregate.accumulator import Accumulator
from functions.aggregate.panes import Added, Emission, Pane, Trigger, Window
from functions.aggregate.ports import DeadLetters, Store
from functions.aggregate.reports import (
    late_event,
    lost_pane,
    stale_online_values,
    unreadable_segment,
    window_features,
)
from functions.aggregate.summary import Summary
from shared.clock import Clock, to_micros
from shared.errors import Busy, Reject, Retry
from shared.online import OnlineStore
from shared.tables.sink import RowSink
from shared.telemetry.logs import log
from shared.windows.key import WindowKey
from shared.windows.log import Contribution, decode_segment
from shared.windows.state import Control, FencedOut, Segment, StateDocument

MAX_SEGMENTS = 2_000
"""A round's share of the log: at 200 events a segment 400,000 events, about 3 s of folding."""
LEASE = timedelta(seconds=60)
"""Longer than any pause between two saves of a healthy flush; a dead flush delays the next one by this."""
BUDGET = timedelta(seconds=40)
"""No new round begins after this, so that a flush ends before the next minute's."""
KEEP_SETTLED = timedelta(days=7)
"""As long as Pub/Sub may deliver an event again (its longest retention)."""
KEEP_OPEN = timedelta(days=15)
"""Until a window is settled its state must not expire: allowed lateness may be 7 days, and a flush late."""


@dataclass(frozen=True, slots=True)
class FlushDependencies:
    """All that a flush works on, but for the store, which is each run's own."""

    panes: RowSink
    online: OnlineStore
    dead_letters: DeadLetters
    trigger: Trigger
    clock: Clock
    pipeline_version: str


class Flush:
    """One run of the flush; `holder` names it in the lease."""

    def __init__(self, dependencies: FlushDependencies, store: Store, holder: str) -> None:
        self._with = dependencies
        self._store = store
        self._holder = holder
        self._control = Control()
        self._summary = Summary()

    async def run(self) -> Summary:
        """Rounds until the log is empty or the time is up; raises Retry when a service fails."""
        began = self._with.clock()
        self._control = await self._store.read_control()
        if self._control.lease_until is not None and self._control.lease_until > began:
            return self._summary.skip(self._control.lease_until)
        try:
            while self._with.clock() - began < BUDGET:
                segments = await self._store.read_segments(MAX_SEGMENTS)
                if not segments and not self._is_due():
                    return self._summary.end(self._with.clock() - began)
                await self._round(segments)
        except FencedOut:
            return self._summary.end(self._with.clock() - began, "fenced")
        return self._summary.end(self._with.clock() - began, "backlog")

    def _is_due(self) -> bool:
        """Whether time alone has made a pane due, or a dead flush left some."""
        return self._control.emitted < self._control.number or bool(self._to_list(self._with.clock()))

    def _to_list(self, now: datetime) -> list[int]:
        """Windows whose every location owes a pane now: on_time at the end, the last at the settling."""
        ended = [start for start in self._control.open if _has_ended(start, now)]
        return ended + [start for start in self._control.ended if now >= self._with.trigger.closes_at(start)]

    async def _round(self, segments: Sequence[Segment]) -> None:
        await self._save(replace(self._control, number=self._control.number + 1, holder=self._holder))
        try:
            await self._recover()
            await self._fold_and_emit(segments, self._with.clock())
            await self._store.delete_segments(segments)
        except (Retry, Busy):
            await self._release()
            raise
        await self._store.save(self._control)

    async def _save(self, control: Control, states: Sequence[StateDocument] = ()) -> None:
        self._control = replace(control, lease_until=self._with.clock() + LEASE)
        await self._store.save(self._control, states)

    async def _release(self) -> None:
        """Lets the next flush try at once; what this one saved and did not emit is recovered then."""
        try:
            await self._store.save(replace(self._control, lease_until=None))
        except (Retry, FencedOut) as error:
            log.warning("the flush's lease could not be released, it runs out by itself: %s", error)

    async def _recover(self) -> None:
        left = [
            window
            for start in self._control.open + self._control.ended
            for window in map(from_document, await self._load_window_if_crashed(start))
            if window.flush > self._control.emitted
        ]
        await self._emit(left)

    async def _load_window_if_crashed(self, start: int) -> list[StateDocument]:
        crashed = self._control.emitted < self._control.number - 1
        return await self._store.load_window(start) if crashed else []

    async def _fold_and_emit(self, segments: Sequence[Segment], now: datetime) -> None:
        contributions = await self._read(segments, now)
        windows = await self._load(contributions, now)
        await self._fold(contributions, windows, now)
        fired = [window for window in windows.values() if self._fire(window, now)]
        starts = sorted({*self._control.open, *self._control.ended, *(window.key.start for window in fired)})
        ended = set(self._control.ended)
        tracked = replace(self._control, open=tuple(start for start in starts if start not in ended))
        await self._save(tracked, [to_document(window) for window in fired])
        await self._emit(fired)
        self._summary.looked_at(windows)
        closes_at = self._with.trigger.closes_at
        self._control = replace(
            self._control,
            emitted=self._control.number,
            lease_until=None,
            open=tuple(start for start in starts if not _has_ended(start, now)),
            ended=tuple(start for start in starts if _has_ended(start, now) and now < closes_at(start)),
        )

    async def _read(self, segments: Sequence[Segment], now: datetime) -> list[Contribution]:
        contributions: list[Contribution] = []
        for segment in segments:
            try:
                contributions += decode_segment(segment.data)
            except (ValueError, TypeError) as error:
                failure = unreadable_segment(segment, error, now, self._with.pipeline_version)
                await self._with.dead_letters.send(failure)
        self._summary.read(segments, now)
        return contributions

    async def _load(self, contributions: Iterable[Contribution], now: datetime) -> dict[WindowKey, Window]:
        windows = {
            state.key: from_document(state)
            for start in self._to_list(now)
            for state in await self._store.load_window(start)
        }
        touched = {one.key for one in contributions} - windows.keys()
        stored = await self._store.load(touched)
        for key in touched:
            windows[key] = from_document(stored[key]) if key in stored else Window(key)
        return windows

    async def _fold(
        self, contributions: Iterable[Contribution], windows: dict[WindowKey, Window], now: datetime
    ) -> None:
        for one in contributions:
            verdict = windows[one.key].add(one)
            self._summary.count(verdict)
            if verdict is Added.TOO_LATE:
                await self._with.dead_letters.send(late_event(one, now, self._with.pipeline_version))

    def _fire(self, window: Window, now: datetime) -> bool:
        due = self._with.trigger.due(window, now)
        if due is None:
            return False
        window.fire(due, self._control.number)
        return True

    async def _emit(self, windows: Iterable[Window]) -> None:
        """Writes each window's last pane; what a sink refuses is recorded, so nothing is lost silently."""
        ordered = sorted(windows, key=lambda window: window.key)
        if not ordered:
            return
        now, version = self._with.clock(), self._with.pipeline_version
        for window, refusal in zip(
            ordered,
            await self._with.panes.append_rows([window.row() for window in ordered]),
            strict=True,
        ):
            if refusal is not None and not isinstance(refusal, Reject):
                raise refusal  # a bug, not the pane: it stays loud, and the pane is emitted once it is mended
            self._summary.emitted(window)
            if refusal is not None:
                await self._with.dead_letters.send(lost_pane(window, refusal, now, version))
        unwritten = await self._with.online.write([window_features(window) for window in ordered])
        if unwritten is not None:
            await self._with.dead_letters.send(stale_online_values(unwritten, now, version))


def _has_ended(start: int, now: datetime) -> bool:
    return to_micros(now) >= WindowKey(start, "").end


def to_document(window: Window) -> StateDocument:
    """The window as it is stored; raises ValueError for one that has emitted nothing."""
    emission = window.last_emission
    return StateDocument(
        key=window.key,
        accumulator=window.accumulator.to_json(),
        seen=b"".join(window.seen),
        revision=window.revision,
        flush=window.flush,
        pane=emission.pane.value,
        is_final=emission.is_final,
        emitted_at=emission.at,
        expire_at=emission.at + (KEEP_SETTLED if emission.is_final else KEEP_OPEN),
        stored_chunks=window.stored_chunks,
    )


def from_document(state: StateDocument) -> Window:
    """The inverse of `to_document`."""
    return Window(
        key=state.key,
        accumulator=Accumulator.from_json(state.accumulator),
        seen=state.seen_digests(),
        revision=state.revision,
        flush=state.flush,
        emission=Emission(Pane(state.pane), state.is_final, state.emitted_at),
        stored_chunks=state.stored_chunks,
    )
