"""Where rows, online values and dead letters go, in memory, with faults around every call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shared.dead_letters.record import MAX_PAYLOAD, DeadLetterRecord
from shared.delivery.batching import Outcome
from shared.errors import ErrorType, Reject, Retry
from shared.message import Message
from shared.online import OnlineFeatures, Unwritten
from shared.tables.columns import Row
from tests.support.faults import Faults


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record as far as tests look at it; of a message that `features` rejected, or of the flush's own."""

    error_type: ErrorType
    text: str
    data: bytes


@dataclass
class Sinks:
    """What has arrived."""

    rows: list[Row] = field(default_factory=list)
    panes: list[Row] = field(default_factory=list)
    online: list[OnlineFeatures] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)


@dataclass
class MemoryRows:
    """A table that keeps rows in the order of their arrival; `outcome` says what becomes of one."""

    rows: list[Row]
    faults: Faults = field(default_factory=Faults)
    outcome: Callable[[Row], Outcome] = lambda _: None
    at_once: int = 0
    most_at_once: int = 0
    """Batches."""

    async def append_rows(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        copies = [dict(row) for row in rows]

        def append() -> list[Outcome]:
            outcomes = [self.outcome(row) for row in copies]
            self.rows.extend(row for row, outcome in zip(copies, outcomes, strict=True) if outcome is None)
            return outcomes

        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self.faults.around(append)
        finally:
            self.at_once -= 1


@dataclass
class MemoryOnline:
    """An online store that does not raise: what goes wrong comes back as unwritten."""

    entries: list[OnlineFeatures]
    faults: Faults = field(default_factory=Faults)

    async def write(self, entries: Sequence[OnlineFeatures]) -> Unwritten | None:
        try:
            await self.faults.around(lambda: self.entries.extend(entries))
        except Retry as error:
            times = [entry.generate_time for entry in entries]
            return Unwritten(len(entries), min(times), max(times), str(error))
        return None


@dataclass
class MemoryDeadLetters:
    """The dead-letter topic, for `features` and for `aggregate`."""

    records: list[DeadLetter]
    faults: Faults = field(default_factory=Faults)
    at_once: int = 0
    most_at_once: int = 0

    async def send(self, record: DeadLetterRecord) -> None:
        """Refuses what Pub/Sub would, at every try again."""
        if len(record.payload) > MAX_PAYLOAD:
            raise Retry(f"a message of {len(record.payload)} bytes before base64")
        await self._send(DeadLetter(record.error_type, record.error_message, record.payload))

    async def send_rejected(self, message: Message, reject: Reject) -> None:
        await self._send(DeadLetter(reject.error_type, str(reject), message.data))

    async def _send(self, record: DeadLetter) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.faults.around(lambda: self.records.append(record))
        finally:
            self.at_once -= 1
