"""What `features` owes a batch of events: rows, window contributions and online values, all durable.

Rows go first: an event that BigQuery refuses is a dead letter and must not count in a window either. A crash
between the steps repeats the batch, which changes nothing: the rows' view and the flush drop duplicates, and
the online store keeps the newest value.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from functions.features.contribution import contribution
from functions.features.extraction import extract
from functions.features.ports import DeadLetters, WindowLog
from shared.clock import Clock, from_micros, to_micros
from shared.dead_letters.record import DeadLetterRecord
from shared.delivery.batching import GroupCommit, Outcome, with_isolated_prepare
from shared.errors import ErrorType, Reject
from shared.events import Event, read
from shared.message import Message
from shared.online import EVENT_FEATURE_NAMES, OnlineFeatures, OnlineStore, Unwritten
from shared.settings import FeaturesSettings
from shared.tables.columns import Row
from shared.tables.sink import RowSink
from shared.telemetry import tracing
from shared.windows.key import too_late
from shared.windows.log import Contribution

FAR_FUTURE = timedelta(days=8)
"""`parse` holds the clock limit, MAX_FUTURE, of 7 days at most. This one is for what reaches the parsed topic
another way: its window would stay open as long, and one of the year 9999 has no time after it to settle."""


@dataclass(slots=True)
class Item:
    """One event on its way through a batch."""

    message: Message
    row: Row
    contribution: Contribution
    online: OnlineFeatures
    is_late: bool = False


def item_of(message: Message, zone: ZoneInfo) -> Item:
    """What an event comes to, apart from its lateness; raises Reject."""
    event: Event = read(message.data)
    row = extract(event, zone)
    values = {name: value for name, value in row.items() if name in EVENT_FEATURE_NAMES}
    return Item(
        message,
        row,
        contribution(event, row),
        OnlineFeatures(event.location_id, event.event_timestamp, values),
    )


class FeatureWriter:
    """Group commit of the three sinks; a batch is in flight until all three have it."""

    def __init__(
        self,
        rows: RowSink,
        log: WindowLog,
        online: OnlineStore,
        dead_letters: DeadLetters,
        settings: FeaturesSettings,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._log = log
        self._online = online
        self._dead_letters = dead_letters
        self._clock = clock
        self._zone = settings.feature_timezone
        self._allowed_lateness = settings.allowed_lateness
        self._pipeline_version = settings.pipeline_version
        commit = with_isolated_prepare(self._prepare, self.commit)
        self._batches: GroupCommit[Message] = GroupCommit(commit, settings.limits)

    async def process(self, message: Message) -> None:
        """Returns when all that the event owes is durable; raises Reject, Retry or Busy."""
        await self._batches.submit(message, len(message.data))

    def _prepare(self, message: Message) -> Item:
        item = item_of(message, self._zone)
        item.row["pipeline_version"] = self._pipeline_version  # of this function: the event's own is parse's
        _check_not_far_ahead(item.contribution, self._clock())
        return item

    async def commit(self, items: Sequence[Item]) -> list[Outcome]:
        """One batch; raises Retry when a sink fails as a whole."""
        await self._mark_late(items)
        with tracing.step("append rows"):
            outcomes = list(await self._rows.append_rows([item.row for item in items]))
        kept = [item for item, outcome in zip(items, outcomes, strict=True) if outcome is None]
        timely = [item.contribution for item in kept if not item.is_late]
        _, _, unwritten = await asyncio.gather(
            self._append(timely),
            asyncio.gather(*(self._report_late(item) for item in kept if item.is_late)),
            self._write_online(kept),
        )
        if unwritten is not None:
            await self._dead_letters.send(self._stale_online_values(unwritten))
        return outcomes

    async def _mark_late(self, items: Sequence[Item]) -> None:
        """Late is what comes after its window was settled, unless it had been counted when it came before."""
        now = self._clock()
        late = [
            item for item in items if too_late(item.contribution.event_micros, now, self._allowed_lateness)
        ]
        counted = await self._log.counted([item.contribution for item in late]) if late else []
        for item, was_counted in zip(late, counted, strict=True):
            item.is_late = not was_counted
        for item in items:
            item.row["is_late"] = item.is_late

    async def _append(self, contributions: Sequence[Contribution]) -> None:
        if contributions:
            with tracing.step("append to the window log"):
                await self._log.append(contributions, self._clock())

    async def _write_online(self, items: Sequence[Item]) -> Unwritten | None:
        with tracing.step("write online values"):
            return await self._online.write([item.online for item in items])

    def _stale_online_values(self, unwritten: Unwritten) -> DeadLetterRecord:
        """One record for the batch: an outage of the store must not cost a publish an event."""
        return DeadLetterRecord(
            error_type=ErrorType.FEATURE_STORE_WRITE_FAILED,
            error_message=str(unwritten),
            stage="features",
            payload=b"",
            error_timestamp=self._clock(),
            pipeline_version=self._pipeline_version,
        )

    async def _report_late(self, item: Item) -> None:
        start = from_micros(item.contribution.key.start)
        what = f"the event came over {self._allowed_lateness} after its window of {start:%Y-%m-%dT%H:%M:%SZ}"
        reject = Reject(ErrorType.LATE_EVENT, f"{what}: it has a features row and is in no window")
        await self._dead_letters.send_rejected(item.message, reject)


def _check_not_far_ahead(one: Contribution, now: datetime) -> None:
    if one.event_micros > to_micros(now + FAR_FUTURE):
        ahead = (
            f"event_timestamp: {from_micros(one.event_micros).isoformat()} is over {FAR_FUTURE} ahead of now"
        )
        raise Reject(ErrorType.TIMESTAMP_OUT_OF_RANGE, ahead)
