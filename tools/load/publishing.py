"""An open loop: each event goes out when it is due, or as soon after as Pub/Sub takes it.

A producer that waits for answers slows down with the chain, and so leaves out the very events that would have
been slow. Here the schedule is fixed beforehand and every latency is counted from it.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tools.errors import CommandError
from tools.pipeline.publishing import MAX_MESSAGES
from tools.sampling.events import EventMaker, line, location_ids

TICK = 0.02
"""Seconds that due events may wait for each other, to share a request: part of every latency."""
RETRY = 0.5
"""Seconds until a request that failed is sent again."""
TWICE = 50
"""Every so many events one is sent twice, as a producer does that got no answer."""
PROBES_PER_SECOND = 20.0
"""Looking for every event would load the chain more than the load itself."""
PROBED = "1-99999999"
"""The location of all probes, so that a look asks for one; outside the range of the others."""


@dataclass(frozen=True, slots=True)
class Made:
    """An event to send; `moment` is its event time and when it is due, UTC, whole milliseconds."""

    event_id: str
    data: bytes
    moment: datetime
    due: float
    """Seconds from the start."""
    is_probe: bool
    is_twice: bool


class Events:
    """The run's events, by number; `began` is the start, UTC, and `rate` the steady one."""

    def __init__(self, locations: int, rate: float, began: datetime, seed: int = 1) -> None:
        rng = random.Random(seed)
        self._maker = EventMaker(rng, location_ids(rng, locations))
        self._began = began
        self._stride = max(1, round(rate / PROBES_PER_SECOND))

    def make(self, number: int, due: float) -> Made:
        moment = self._began + timedelta(seconds=due)
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        is_probe = number % self._stride == 0
        event_id = f"load-{number}"
        event = self._maker.event(moment) | {"event_id": event_id}
        if is_probe:
            event |= {"location_id": PROBED}
        return Made(event_id, line(event), moment, due, is_probe, number % TWICE == 0)


class Publisher:
    """Sends what is due, in order; `run` returns when all of it is accepted.

    `send` takes one request's lines and raises CommandError when they may not be published: they are sent
    again, and again, as a producer does that must not lose any. `now` gives seconds from the start, `wait`
    takes seconds, `sending` gets each event once, before it is sent.
    """

    def __init__(
        self,
        due: Iterable[float],
        make: Callable[[int, float], Made],
        send: Callable[[list[bytes]], object],
        sending: Callable[[Made], None],
        now: Callable[[], float],
        wait: Callable[[float], None],
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._due = iter(due)
        self._make, self._send, self._sending = make, send, sending
        self._now, self._wait, self._given_up = now, wait, given_up
        self._next: float | None = next(self._due, None)
        self.events = 0
        """Distinct ones that were accepted."""
        self.again = 0
        """Copies of these."""
        self.failures = 0
        """Requests that failed and were sent again."""
        self.through = 0.0
        """Everything that was due before this time, in seconds from the start, is accepted."""
        self.done = False

    def run(self) -> None:
        """Ends early, and not `done`, when `given_up` says so."""
        while self._next is not None:
            self._wait(max(0.0, self._next + TICK - self._now()))
            taken = self._take(self._now())
            for made in taken:
                self._sending(made)
            if not self._deliver([line for made in taken for line in [made.data] * (1 + made.is_twice)]):
                return
            self._count(taken)
        self.through = float("inf")
        self.done = True

    def _take(self, now: float) -> list[Made]:
        """Those that are due, within one request."""
        taken: list[Made] = []
        lines = 0
        while self._next is not None and self._next <= now and lines < MAX_MESSAGES - 1:
            made = self._make(self.events + len(taken), self._next)
            taken.append(made)
            lines += 1 + made.is_twice
            self._next = next(self._due, None)
        return taken

    def _deliver(self, lines: list[bytes]) -> bool:
        """False when it was given up."""
        while lines:
            if self._given_up():
                return False
            try:
                self._send(lines)
            except CommandError:
                self.failures += 1
                self._wait(RETRY)
            else:
                return True
        return True

    def _count(self, taken: Sequence[Made]) -> None:
        self.events += len(taken)
        self.again += sum(made.is_twice for made in taken)
        if self._next is not None:
            self.through = self._next
