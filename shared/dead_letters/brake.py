"""The dead-letter brake: a circuit breaker on dead letters.

When most of a stream is rejected, the cause is rarely in the events: a bad deploy or a broken producer would
turn all of it into dead letters. An engaged brake answers rejected messages retryably instead, so that
Pub/Sub keeps them until the code or the producer is fixed. docs/decisions/0040 has the reasons.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from shared.errors import DeadLetterHeld, Reject
from shared.message import Message
from shared.telemetry.logs import LogEvent, log

SLICES = 20
"""The sliding period is counted in this many slices: exact to a twentieth, with no memory per message."""
RELEASE = 0.8
"""The brake releases below this fraction of the share at which it engages: at the same share, a stream near
the limit would make it flap."""


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """When the brake engages; shared/settings.py has the reasons for the defaults."""

    share: float
    """More than this share of the period's messages were rejected, 0 to 1."""
    minimum: int
    """And the period had at least this many messages."""
    period: float
    """Seconds."""


class Change(Enum):
    """What a message made the brake do."""

    ENGAGED = "engaged"
    RELEASED = "released"


@dataclass(slots=True)
class Tally:
    """Messages and how many of them were rejected."""

    messages: int = 0
    rejected: int = 0

    def add(self, other: "Tally") -> None:
        self.messages += other.messages
        self.rejected += other.rejected

    def share(self) -> float:
        return self.rejected / self.messages if self.messages else 0.0


@dataclass(slots=True)
class _Slice:
    """A part of the period: its first deliveries and its redeliveries."""

    start: float
    first: Tally
    again: Tally


class BrakeState:
    """Engaged or not, as one instance sees the stream. Pure: the time is passed in.

    A message counts when it is delivered for the first time: held messages come back again and again, and
    would keep the share up by themselves. Only an instance that has seen too few first deliveries to judge by
    also counts redeliveries: it may have been started in the middle of an incident.
    """

    def __init__(self, limits: BrakeLimits) -> None:
        self._limits = limits
        self._slices: deque[_Slice] = deque()
        self._next_slice = float("-inf")
        self._first_seen = 0
        self.engaged = False

    def count(self, now: float, *, rejected: bool, again: bool) -> Change | None:
        """Counts one message's verdict at `now` (seconds, monotonic); `again`: it was delivered before."""
        current = self._slice(now)
        tally = current.again if again else current.first
        tally.messages += 1
        tally.rejected += rejected
        self._first_seen += not again
        if self.engaged:
            if not again and self._has_fallen(now):
                self.engaged = False
                return Change.RELEASED
        elif rejected and (not again or self._is_new()) and self._has_risen(now):
            self.engaged = True
            return Change.ENGAGED
        return None

    def recent(self, now: float) -> Tally:
        """What it judges by: the period's messages, each counted once as far as possible."""
        total, past = Tally(), now - self._limits.period
        for part in self._slices:
            if part.start > past:
                total.add(part.first)
                if self._is_new():
                    total.add(part.again)
        return total

    def _has_risen(self, now: float) -> bool:
        seen = self.recent(now)
        return seen.messages >= self._limits.minimum and seen.share() > self._limits.share

    def _has_fallen(self, now: float) -> bool:
        """Judges by first deliveries only, and adds older ones where the period has too few: until enough
        new messages arrive, held messages stay held."""
        first, past = Tally(), now - self._limits.period
        for part in reversed(self._slices):
            if part.start <= past and first.messages >= self._limits.minimum:
                break
            first.add(part.first)
        return first.messages >= self._limits.minimum and first.share() <= self._limits.share * RELEASE

    def _is_new(self) -> bool:
        return self._first_seen < self._limits.minimum

    def _slice(self, now: float) -> _Slice:
        if now >= self._next_slice:
            self._next_slice = now + self._limits.period / SLICES
            self._forget(now)
            self._slices.append(_Slice(now, Tally(), Tally()))
        return self._slices[-1]

    def _forget(self, now: float) -> None:
        """Drops the slices before the period, except those that make up the minimum of first deliveries."""
        past = now - self._limits.period
        self._slices = deque(part for part in self._slices if part.start > past or part.first.messages)
        kept = sum(part.first.messages for part in self._slices)
        while self._slices and self._slices[0].start <= past:
            kept -= self._slices[0].first.messages
            if kept < self._limits.minimum:
                return
            self._slices.popleft()


_REPORTS = {
    Change.ENGAGED: (
        LogEvent.DEAD_LETTER_BRAKE_ENGAGED,
        "dead-letter brake engaged: Pub/Sub keeps rejected messages, see docs/runbook.md",
    ),
    Change.RELEASED: (
        LogEvent.DEAD_LETTER_BRAKE_RELEASED,
        "dead-letter brake released: rejected messages become dead letters again",
    ),
}


class DeadLetterBrake:
    """The circuit breaker with a clock and a log; without limits it is off and holds nothing."""

    def __init__(self, limits: BrakeLimits | None, monotonic: Callable[[], float]) -> None:
        self._state = None if limits is None else BrakeState(limits)
        self._monotonic = monotonic

    def passed(self, message: Message) -> None:
        """Counts a message that is not rejected."""
        if self._state is not None:
            self._count(self._state, message, None)

    def rejected(self, message: Message, reject: Reject) -> None:
        """Counts a rejected message; raises DeadLetterHeld while the brake is engaged."""
        if self._state is None:
            return
        self._count(self._state, message, reject)
        if self._state.engaged:
            raise DeadLetterHeld(
                f"held instead of dead-lettered, because most messages are rejected now ({reject}): "
                "fix their producer or roll back the release; DEAD_LETTER_BRAKE=off overrides the brake"
            )

    def _count(self, state: BrakeState, message: Message, reject: Reject | None) -> None:
        now = self._monotonic()
        # Without a dead-letter policy (or from the emulator) a delivery has no number: then each counts.
        again = (message.delivery_attempt or 1) > 1
        change = state.count(now, rejected=reject is not None, again=again)
        if change is not None:
            _log_change(change, state.recent(now), reject)


def _log_change(change: Change, recent: Tally, reject: Reject | None) -> None:
    event, text = _REPORTS[change]
    error_type = None if reject is None else reject.error_type.value
    counts = {"messages": recent.messages, "rejected": recent.rejected}
    log.error(text, extra={"event": event, "error_type": error_type, "counts": counts})
