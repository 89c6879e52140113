"""Panes on their way out: rows to BigQuery, window features to the online store, what is refused to dead
letters."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from functions.aggregate.bucket import Pane
from functions.aggregate.ports import DeadLetters
from functions.aggregate.reports import Stamp, lost_pane, unwritten_values, window_features
from functions.aggregate.window import Timing
from shared.clock import Clock, from_micros
from shared.dead_letters.record import DeadLetterRecord
from shared.errors import Reject
from shared.online import OnlineStore, Unwritten
from shared.tables.columns import Row
from shared.tables.sink import RowSink
from shared.windows.key import WINDOW_MICROS

AT_ONCE = 200
"""Dead letters that a group sends together: four groups' are fewer than their publisher holds."""

_time = lru_cache(maxsize=64)(from_micros)
"""The times of a flush's panes are few."""


def row_of(pane: Pane) -> Row:
    """The pane as its row of realtime_features_aggregated: the same however often asked for."""
    location_id, start, window, _ = pane
    return {
        "location_id": location_id,
        "window_start": _time(start),
        "window_end": _time(start + WINDOW_MICROS),
        "pane": window.pane,
        "revision": window.revision,
        "is_final": window.is_final,
        "aggregation_timestamp": _time(window.emitted_at),
        **window.fold(),
    }


@dataclass(slots=True)
class Emitter:
    """Writes panes; remembers which online values did not arrive, for one record at the end."""

    rows: RowSink
    online: OnlineStore
    dead_letters: DeadLetters
    clock: Clock
    pipeline_version: str
    panes: Counter[Timing] = field(default_factory=Counter)
    settled: int = 0
    _unwritten: list[Unwritten] = field(default_factory=list)

    def stamp(self) -> Stamp:
        return Stamp(self.clock(), self.pipeline_version)

    async def emit(self, fired: Sequence[Pane]) -> None:
        """Returns when all are durable; raises Retry or Busy. What BigQuery refuses is a dead letter."""
        if not fired:
            return
        rows = [row_of(pane) for pane in fired]
        refused: list[DeadLetterRecord] = []
        for pane, row, outcome in zip(fired, rows, await self.rows.append_rows(rows), strict=True):
            self.panes[Timing(pane.window.pane)] += 1
            self.settled += pane.window.is_final
            if outcome is None:
                continue
            if not isinstance(outcome, Reject):
                raise outcome  # a bug, not the pane: it stays loud, and the pane is emitted once it is fixed
            refused.append(lost_pane(pane, row, outcome, self.stamp()))
        await self.send(refused)
        # A closing pane repeats what was written an hour ago, unless something new came with it.
        values = [
            window_features(pane, row)
            for pane, row in zip(fired, rows, strict=True)
            if pane.has_new or not pane.window.is_final
        ]
        missing = await self.online.write(values) if values else None
        if missing is not None:
            self._unwritten.append(missing)

    async def send(self, records: Sequence[DeadLetterRecord]) -> None:
        """Returns when these dead letters are durable; raises Retry or Busy."""
        for at in range(0, len(records), AT_ONCE):
            await asyncio.gather(*(self.dead_letters.send(record) for record in records[at : at + AT_ONCE]))

    async def report_unwritten(self) -> None:
        """One dead letter for all online values that did not arrive; raises Retry or Busy."""
        if self._unwritten:
            await self.send([unwritten_values(self._unwritten, self.stamp())])
