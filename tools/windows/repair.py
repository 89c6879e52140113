"""A new revision for windows that differ, through the accumulators, fenced as a flush is.

The order makes a crash between any two lines harmless, as in functions/aggregate/flush.py:

1. begin   refuse while a flush is at work or has left panes; take the lease and a number
2. save    the recomputed accumulators with their new revisions, their windows noted as not emitted
3. emit    the panes to BigQuery, window features to the online store
4. finish  note that this number's panes are written, release the lease

After a crash behind 2 the next flush finds the noted windows and emits them: same revisions, same rows.
Before it nothing has changed but the number, and the windows still differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from functions.aggregate.flush import LEASE, MAX_SEGMENTS, to_document
from functions.aggregate.panes import Emission, Pane, Window
from functions.aggregate.ports import Store
from functions.aggregate.reports import window_features
from shared.clock import Clock
from shared.errors import Retry
from shared.online import OnlineStore
from shared.tables.sink import RowSink
from shared.windows.key import WindowKey, digest
from shared.windows.log import decode_segment
from shared.windows.state import Control, FencedOut, StateDocument
from tools.errors import CommandError
from tools.windows.comparing import Difference

HOLDER = "verify-windows"


@dataclass(frozen=True, slots=True)
class Repaired:
    """A window with its new revision."""

    key: WindowKey
    revision: int


@dataclass(frozen=True, slots=True)
class Repair:
    """One repair; `store` is its own, for it holds the fence."""

    store: Store
    panes: RowSink
    online: OnlineStore
    clock: Clock

    async def run(self, differences: Sequence[Difference]) -> list[Repaired]:
        """Mends what has rows and is not the next flush's to settle; raises CommandError, and Retry."""
        try:
            return await self._run([one for one in differences if one.expected is not None])
        except FencedOut:
            raise CommandError("a flush took over in the middle: run the repair again") from None

    async def _run(self, differences: Sequence[Difference]) -> list[Repaired]:
        before = await self._begin()
        number = before.number + 1
        control = replace(before, number=number, holder=HOLDER, lease_until=self.clock() + LEASE)
        await self.store.save(control)
        windows = await self._windows(differences, number)
        starts = {window.key.start for window in windows} - set(control.open)
        noted = replace(control, ended=tuple(sorted({*control.ended, *starts})))
        await self.store.save(noted, [to_document(window) for window in windows])
        try:
            await self._emit(windows)
        except (Retry, CommandError):
            await self.store.save(replace(noted, lease_until=None))
            raise
        await self.store.save(replace(control, emitted=number, lease_until=None))
        return [Repaired(window.key, window.revision) for window in windows]

    async def _begin(self) -> Control:
        control = await self.store.read_control()
        if control.lease_until is not None and control.lease_until > self.clock():
            raise CommandError(
                f"a flush is at work, or died (its lease ends at {control.lease_until:%H:%M:%S} UTC): "
                "run the repair again after it"
            )
        if control.emitted < control.number:
            raise CommandError("a flush has left panes to write: flush once (cqc flush), then repair")
        return control

    async def _windows(self, differences: Sequence[Difference], number: int) -> list[Window]:
        keys = {one.key for one in differences} - await self._unfolded()
        states = await self.store.load(keys)
        now = self.clock()
        return [self._window(one, states.get(one.key), now, number) for one in differences if one.key in keys]

    async def _unfolded(self) -> set[WindowKey]:
        """Windows with events that a flush has yet to fold."""
        segments = await self.store.read_segments(MAX_SEGMENTS)
        return {one.key for segment in segments for one in decode_segment(segment.data)}

    def _window(self, one: Difference, state: StateDocument | None, now: datetime, number: int) -> Window:
        assert one.expected is not None
        own = {digest(event_id): None for event_id in one.expected.event_ids}
        before = state.seen_digests() if state else {}
        kept = {identity: None for identity in before if identity in own}
        window = Window(
            key=one.key,
            accumulator=one.expected.accumulator,
            # What was counted stays in its order; all of it is stored anew.
            seen=kept | own,
            revision=max(one.revision, state.revision if state else 0),
        )
        window.fire(Emission(Pane.LATE if window.revision else Pane.ON_TIME, is_final=True, at=now), number)
        return window

    async def _emit(self, windows: Sequence[Window]) -> None:
        if not windows:
            return
        outcomes = await self.panes.append_rows([window.row() for window in windows])
        refused = [outcome for outcome in outcomes if outcome is not None]
        if refused:
            raise CommandError(f"BigQuery refused {len(refused)} panes, the first because: {refused[0]}")
        await self.online.write([window_features(window) for window in windows])
