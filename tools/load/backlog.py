"""What the subscriptions hold during a run, what the functions answered, and when a backlog is gone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.topology import SUBSCRIPTIONS
from tools.health.local import by_name
from tools.pipeline.pubsub_state import PubSubState, SubscriptionState

PATH = ("parse", "features")
"""The functions that an event passes, in this order."""


@dataclass(frozen=True, slots=True)
class Held:
    """Messages that a function has not acknowledged, `at` seconds from the start."""

    at: float
    undelivered: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.undelivered.values())


def by_function(state: PubSubState) -> Mapping[str, SubscriptionState]:
    found = by_name(state)
    return {function: found[name] for function, name in SUBSCRIPTIONS.items() if name in found}


class Answers:
    """The functions' answers over a run, by status: also when Pub/Sub restarts and counts from 0."""

    def __init__(self) -> None:
        self._before: dict[str, Counter[int]] = {}
        self.total: dict[str, Counter[int]] = {}

    def add(self, function: str, answered: Mapping[int, int]) -> None:
        """What the stand-in has counted so far."""
        before = self._before.get(function, Counter())
        if any(answered.get(status, 0) < count for status, count in before.items()):
            before = Counter()
        self.total.setdefault(function, Counter()).update(Counter(answered) - before)
        self._before[function] = Counter(answered)


class Drain:
    """When everything that was due before a moment is through; feed it each state of Pub/Sub in turn.

    Stage by stage: the producer has sent it, `parse` holds nothing published until then, `features` holds
    nothing that `parse` published until then.
    """

    def __init__(self, due: float) -> None:
        self._due = due
        self._marks: list[datetime] = []
        self.gone: float | None = None
        """Seconds from the start; None before."""

    def seen(self, at: float, now: datetime, through: float, oldest: Mapping[str, datetime | None]) -> None:
        """`through` is the producer's; `oldest` the publish time of what each function still owes, if any.

        `now` (UTC) is a moment before the state was read.
        """
        if self.gone is not None:
            return
        if not self._marks:
            if through < self._due:
                return
            self._marks.append(now)
        while len(self._marks) <= len(PATH):
            waits_since = oldest.get(PATH[len(self._marks) - 1])
            if waits_since is not None and waits_since <= self._marks[-1]:
                return
            self._marks.append(now)
        self.gone = at
