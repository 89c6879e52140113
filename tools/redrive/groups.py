"""Dead letters by what is wrong with them: reason, stage and the producer's field. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.dead_letters.record import DeadLetterRecord
from shared.errors import ErrorType
from tools.redrive.work import Key, Mark, is_open, is_undone
from tools.replay.items import Item, NotAnEvent, of_record
from tools.replay.reasons import field_of, kind_of

EXAMPLES = 3
"""Kept of each group, each wrong in its own way if there are as many."""


@dataclass(frozen=True, slots=True)
class Example:
    """One dead letter; `item` is None when it holds no event to send again, and `why_not` says so."""

    record: DeadLetterRecord
    item: Item | None
    is_open: bool
    why_not: str = ""

    @property
    def kind(self) -> str:
        return kind_of(self.record.error_message)


@dataclass(slots=True)
class Group:
    """The dead letters of one reason, stage and field."""

    error_type: ErrorType
    stage: str
    path: str | None
    """Of the wrong field, as reasons.field_of names it."""
    first: datetime
    last: datetime
    count: int = 0
    left: int = 0
    """How many are still to be redriven."""
    event_types: Counter[str | None] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)

    def add(self, example: Example) -> None:
        record = example.record
        at = record.error_timestamp
        self.first, self.last = min(self.first, at), max(self.last, at)
        self.count += 1
        self.left += example.is_open
        self.event_types[record.event_type] += 1
        self._keep(example)

    def _keep(self, example: Example) -> None:
        """Those still to be redriven before others, and of these every kind before a second of one kind."""
        self.examples.append(example)
        before: Counter[tuple[bool, str]] = Counter()
        ranks = []
        for place, example in enumerate(self.examples):
            ranks.append((not example.is_open, before[example.is_open, example.kind], place))
            before[example.is_open, example.kind] += 1
        self.examples = [self.examples[place] for _, _, place in sorted(ranks)[:EXAMPLES]]

    def judged(self) -> list[Item]:
        """The events of the examples that are still to be redriven."""
        return [example.item for example in self.examples if example.item is not None and example.is_open]


def grouped(records: Iterable[DeadLetterRecord], done: Mapping[Key, Mark]) -> list[Group]:
    """Every group, the largest first."""
    groups: dict[tuple[ErrorType, str, str | None], Group] = {}
    for record in records:
        key = (record.error_type, record.stage, field_of(record.error_message))
        at = record.error_timestamp
        groups.setdefault(key, Group(*key, at, at)).add(_example(record, done))
    return sorted(groups.values(), key=lambda group: -group.count)


def _example(record: DeadLetterRecord, done: Mapping[Key, Mark]) -> Example:
    try:
        item = of_record(record)
    except NotAnEvent as reason:
        return Example(record, None, is_open=False, why_not=str(reason))
    return Example(record, item, is_undone(item) and is_open(item, done))
