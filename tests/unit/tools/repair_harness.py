"""The windows in memory for the tests of verify-windows: compared, and repaired beside any flush."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from shared.delivery.batching import Outcome
from shared.errors import ErrorType, Reject
from shared.tables.columns import Row
from shared.windows.contribution import Contribution, contribution
from shared.windows.documents import Write
from shared.windows.key import WindowKey
from shared.windows.state import Control, Shard
from tests.support.faults import Faults
from tests.support.flush_harness import NOON, WINDOW, FlushHarness
from tools.pipeline.flush_state import read_flush_state
from tools.pipeline.warehouse import Record
from tools.windows.comparing import Difference, Verification, compare
from tools.windows.recompute import COLUMNS, recompute
from tools.windows.repair import Repair, Repaired

T = TypeVar("T")

LOCATION = "1-1"
KEY = WindowKey(WINDOW, LOCATION)
SHARD = Shard()


def features_row(event_id: str, location_id: str = LOCATION, is_late: bool = False) -> Row:
    """What the view and the arrivals have of an event of KEY's window."""
    at = NOON + timedelta(seconds=30)
    own: Row = {
        "event_id": event_id,
        "location_id": location_id,
        "event_type": "rating_change",
        "feature_category": "rating",
        "real_time_risk_score": 4,
        "event_complexity_score": 0,
        "rating_change_direction": "declined",
        "event_timestamp": at,
        "publish_timestamp": at,
        "processing_timestamp": at,
        "is_late": is_late,
        "first_arrival": at,
        "last_arrival": at,
    }
    return dict.fromkeys(COLUMNS) | own


def logged(event_id: str, location_id: str = LOCATION) -> Contribution:
    """The event of this row as the window log has it."""
    return contribution(features_row(event_id, location_id))


class RepairHarness(FlushHarness):
    """A pipeline from the log on, whose windows can be compared with their rows."""

    def revisions(self) -> dict[object, list[int]]:
        """The revisions of each location that were emitted, in order."""
        found: dict[object, set[int]] = defaultdict(set)
        for row in self.sinks.panes:
            found[row["location_id"]].add(int(str(row["revision"])))
        return {location_id: sorted(revisions) for location_id, revisions in found.items()}

    async def verify(self, *rows: Record) -> Verification:
        state = await read_flush_state(self.documents())
        return compare(recompute(rows), self.newest().values(), state.is_settled)


async def settled(*events: Contribution, shards: int = 1) -> RepairHarness:
    """A window with these events, two hours later, its final panes emitted."""
    harness = RepairHarness(shards=shards)
    await harness.flush_at(-10)  # from the next window on there are so many shards
    if events:
        harness.at(1)
        await harness.append(*events)
        await harness.flush()
    await harness.flush_at(120)
    return harness


async def killed(work: Coroutine[None, None, T], after: int) -> bool:
    """Runs `work` for so many steps and then leaves it for dead; whether it was done before."""
    task = asyncio.create_task(work)
    for _ in range(after):
        await asyncio.sleep(0)
    if task.done():
        task.result()
        return True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return False


async def repairing(
    harness: RepairHarness, found: Sequence[Difference], faults: Faults | None = None
) -> Repaired:
    layout = (await read_flush_state(harness.documents())).layout
    rows = replace(harness.rows, faults=faults or Faults())
    return await Repair(harness.documents(faults), rows, harness.online).run(layout, found)


async def repair(harness: RepairHarness, *rows: Row, faults: Faults | None = None) -> Repaired:
    return await repairing(harness, (await harness.verify(*rows)).differences, faults)


async def said(harness: RepairHarness, *rows: Row) -> list[str]:
    return [difference.what for difference in (await harness.verify(*rows)).differences]


def refuse(_: Row) -> Outcome:
    return Reject(ErrorType.SINK_REJECTED, "no such column")


def take(_: Row) -> Outcome:
    return None


def store(harness: RepairHarness, control: Control) -> None:
    harness.database.commit([Write(SHARD.control, control.to_fields())])
