"""What `features` owes a batch of events: rows, window contributions and online values, all durable.

    judge     which events are late, on this clock
    look up   whether late ones were counted when they came before; unknown yet: delivered again later
    rows      first: an event that BigQuery refuses is a dead letter and must not count in a window either
    log       the timely ones, within MAX_LOGGING_DELAY of the judgement, or all are delivered again
    online    beside the log; a store that is away costs a record, not the batch

A crash between the steps repeats the batch, which changes nothing: the rows' view and the flush drop
duplicates, and the online store keeps the newest value.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from functions.features.extraction import extract
from functions.features.ports import DeadLetters, LateEvents, WindowLog
from shared.clock import Clock, from_micros, to_micros
from shared.dead_letters.record import DeadLetterRecord
from shared.delivery.batching import GroupCommit, Outcome, with_isolated_prepare
from shared.errors import ErrorType, Reject, Retry
from shared.events import Event, read
from shared.message import Message
from shared.online import EVENT_FEATURE_NAMES, OnlineFeatures, OnlineStore, Unwritten
from shared.settings import FeaturesSettings
from shared.tables.columns import Row
from shared.tables.sink import RowSink
from shared.telemetry import tracing
from shared.windows.contribution import Contribution, contribution
from shared.windows.key import closes_at, window_of

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
    is_counted: bool = False
    """Came late and is in its window: nothing to log."""


def item_of(message: Message, zone: ZoneInfo) -> Item:
    """What an event comes to, apart from its lateness; raises Reject."""
    event: Event = read(message.data)
    row = extract(event, zone)
    values = {name: value for name, value in row.items() if name in EVENT_FEATURE_NAMES}
    online = OnlineFeatures(event.location_id, event.event_timestamp, values)
    return Item(message, row, contribution(row), online)


class FeatureWriter:
    """Group commit of the three sinks; a batch is in flight until all three have it."""

    def __init__(
        self,
        rows: RowSink,
        log: WindowLog,
        late_events: LateEvents,
        online: OnlineStore,
        dead_letters: DeadLetters,
        settings: FeaturesSettings,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._log = log
        self._late_events = late_events
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
        check_not_far_ahead(item.contribution, self._clock())
        return item

    async def commit(self, items: Sequence[Item]) -> list[Outcome]:
        """One batch; raises Retry when a sink fails as a whole."""
        judged = self._clock()
        undecided = await self._mark_late(items, judged)
        known = [item for item in items if id(item) not in undecided]
        with tracing.step("append rows"):
            outcomes = await self._rows.append_rows([item.row for item in known]) if known else ()
        kept = [item for item, outcome in zip(known, outcomes, strict=True) if outcome is None]
        reported, *_ = await asyncio.gather(
            self._report_late(kept), self._append(kept, judged), self._write_online(kept)
        )
        outcome_of = dict(zip(map(id, known), outcomes, strict=True)) | undecided | reported
        return [outcome_of[id(item)] for item in items]

    async def _mark_late(self, items: Sequence[Item], now: datetime) -> dict[int, Outcome]:
        """Late is what comes after its window closes, unless it is counted there; the undecided ones by id().

        A timely copy of a late event may stand in the log still unread: until the flush has read on, nobody
        knows, and the event is delivered again.
        """
        micros = to_micros(now)
        late = [item for item in items if micros > self._closes_at(item.contribution)]
        verdicts = await self._late_events.counted([item.contribution for item in late]) if late else []
        undecided: dict[int, Outcome] = {}
        for item, verdict in zip(late, verdicts, strict=True):
            if isinstance(verdict, Retry):
                undecided[id(item)] = verdict
            else:
                item.is_late, item.is_counted = not verdict, verdict
        for item in items:
            item.row["is_late"] = item.is_late
        return undecided

    def _closes_at(self, event: Contribution) -> int:
        return closes_at(window_of(event.event_micros), self._allowed_lateness)

    async def _append(self, items: Sequence[Item], judged: datetime) -> None:
        timely = [item.contribution for item in items if not (item.is_late or item.is_counted)]
        if timely:
            with tracing.step("append to the window log"):
                await self._log.append(timely, judged, self._clock())

    async def _write_online(self, items: Sequence[Item]) -> None:
        if not items:
            return
        with tracing.step("write online values"):
            missing = await self._online.write([item.online for item in items])
        if missing is not None:
            await self._dead_letters.send(self._stale_online_values(missing))

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

    async def _report_late(self, items: Sequence[Item]) -> dict[int, Outcome]:
        """Records the late ones; what became of it by id(): who has no record is delivered again, alone."""
        late = [item for item in items if item.is_late]
        outcomes = await asyncio.gather(*map(self._report, late))
        return dict(zip(map(id, late), outcomes, strict=True))

    async def _report(self, item: Item) -> Outcome:
        start = from_micros(window_of(item.contribution.event_micros))
        what = f"the event came over {self._allowed_lateness} after its window of {start:%Y-%m-%dT%H:%M:%SZ}"
        reject = Reject(ErrorType.LATE_EVENT, f"{what}: it has a features row and is in no window")
        try:
            await self._dead_letters.send_rejected(item.message, reject)
        except Retry as error:
            return error
        return None


def check_not_far_ahead(event: Contribution, now: datetime) -> None:
    if event.event_micros > to_micros(now + FAR_FUTURE):
        time = from_micros(event.event_micros).isoformat()
        raise Reject(
            ErrorType.TIMESTAMP_OUT_OF_RANGE, f"event_timestamp: {time} is over {FAR_FUTURE} ahead of now"
        )
