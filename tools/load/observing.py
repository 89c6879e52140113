"""What is written down beside the load: processes and subscriptions, once a second."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from tools.errors import CommandError
from tools.load.backlog import Answers, Drain, Held, by_function
from tools.load.processes import Sample, sample
from tools.load.publishing import Publisher
from tools.pipeline.pubsub_state import read_state

EVERY = 1.0
"""Seconds between two measurements of the processes."""


class Observer:
    """`now` gives seconds from the start; a backlog counts from `end` on, if there is one.

    `measure` is for one thread, `read_pubsub` for another.
    """

    def __init__(
        self, pubsub: str, now: Callable[[], float], publisher: Publisher, end: float | None
    ) -> None:
        self._pubsub, self._now, self._publisher, self._end = pubsub, now, publisher, end
        self._drain = None if end is None else Drain(end)
        self._measured = float("-inf")
        self.samples: dict[str, list[Sample]] = {}
        self.held: list[Held] = []
        self.answers = Answers()

    def measure(self, parts: Mapping[int, str]) -> None:
        """Notes CPU and memory of these process groups, if it is time."""
        now = self._now()
        if now < self._measured + EVERY:
            return
        self._measured = now
        for part, taken in sample(parts, now).items():
            self.samples.setdefault(part, []).append(taken)

    def read_pubsub(self) -> None:
        """Notes backlogs and answers; raises CommandError."""
        asked, moment, through = self._now(), datetime.now(UTC), self._publisher.through
        state = read_state(self._pubsub)
        if state is None:
            raise CommandError("this Pub/Sub does not tell its state: the load needs the stand-in's")
        functions = by_function(state)
        self.held.append(Held(asked, {name: found.undelivered for name, found in functions.items()}))
        for name, found in functions.items():
            self.answers.add(name, found.answered)
        if self._drain is not None and self._end is not None and asked >= self._end:
            oldest = {name: found.oldest for name, found in functions.items()}
            self._drain.seen(self._now(), moment, through, oldest)

    @property
    def drained(self) -> float | None:
        """Seconds from the start until the backlog was gone; None before, or without one."""
        return None if self._drain is None else self._drain.gone

    @property
    def is_idle(self) -> bool:
        """Whether Pub/Sub held nothing when it was last asked."""
        return bool(self.held) and not self.held[-1].total
