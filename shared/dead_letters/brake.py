"""The dead-letter brake: when most of what comes is rejected, the fault is hardly in each single event.

A bad deploy or a broken producer would turn a whole stream into dead letters. Instead rejected messages are
answered retryably, so that Pub/Sub keeps them until the code or the producer is mended. Pure: the time is
passed in. docs/decisions/0040 has the reasons.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from shared.errors import DeadLetterHeld, Reject
from shared.message import Message
from shared.telemetry.logs import log

SLICES = 20
"""A sliding period is counted in so many parts: exact to a twentieth, and no memory a message."""
RELEASE = 0.8
"""It lets go below this part of the share at which it engages: a share that hovers would flap otherwise."""


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """When it engages; shared/settings.py has the reasons of the defaults."""

    share: float
    """Of the messages of the period, more than this were rejected, 0 to 1."""
    minimum: int
    """And the period had at least so many messages."""
    period: float
    """Seconds."""


class Change(Enum):
    """What a message made the brake do."""

    ENGAGED = "engaged"
    RELEASED = "let go"


@dataclass(slots=True)
class Tally:
    """Messages and how many of them were rejected."""

    messages: int = 0
    rejected: int = 0

    def join(self, other: "Tally") -> None:
        self.messages += other.messages
        self.rejected += other.rejected

    def share(self) -> float:
        return self.rejected / self.messages if self.messages else 0.0


@dataclass(slots=True)
class _Slice:
    """A part of the period."""

    start: float
    fresh: Tally
    again: Tally


class Brake:
    """One instance's view of the stream.

    A message counts when it is delivered for the first time: held messages come again and again, and would
    keep the share up by themselves. Only an instance that has seen too few first deliveries to judge by them
    goes by redeliveries too: it may have been started in the middle of it all.
    """

    def __init__(self, limits: BrakeLimits) -> None:
        self._limits = limits
        self._slices: deque[_Slice] = deque()
        self._next_slice = float("-inf")
        self._fresh_seen = 0
        self.engaged = False

    def count(self, now: float, *, rejected: bool, again: bool) -> Change | None:
        """Takes one message's verdict in at `now` (seconds, monotonic); `again`: it was delivered before."""
        current = self._slice(now)
        tally = current.again if again else current.fresh
        tally.messages += 1
        tally.rejected += rejected
        self._fresh_seen += not again
        if self.engaged:
            if not again and self._has_fallen(now):
                self.engaged = False
                return Change.RELEASED
        elif rejected and (not again or self._is_new()) and self._has_risen(now):
            self.engaged = True
            return Change.ENGAGED
        return None

    def recent(self, now: float) -> Tally:
        """What it judges by: the period's messages, each once as far as can be told."""
        total, past = Tally(), now - self._limits.period
        for slice in self._slices:
            if slice.start > past:
                total.join(slice.fresh)
                if self._is_new():
                    total.join(slice.again)
        return total

    def _has_risen(self, now: float) -> bool:
        seen = self.recent(now)
        return seen.messages >= self._limits.minimum and seen.share() > self._limits.share

    def _has_fallen(self, now: float) -> bool:
        """By first deliveries only, and by older ones where the period has too few: without enough news of
        the stream, what is held stays held."""
        fresh, past = Tally(), now - self._limits.period
        for slice in reversed(self._slices):
            if slice.start <= past and fresh.messages >= self._limits.minimum:
                break
            fresh.join(slice.fresh)
        return fresh.messages >= self._limits.minimum and fresh.share() <= self._limits.share * RELEASE

    def _is_new(self) -> bool:
        return self._fresh_seen < self._limits.minimum

    def _slice(self, now: float) -> _Slice:
        if now >= self._next_slice:
            self._next_slice = now + self._limits.period / SLICES
            self._forget(now)
            self._slices.append(_Slice(now, Tally(), Tally()))
        return self._slices[-1]

    def _forget(self, now: float) -> None:
        """Slices before the period, but for those that make up the minimum of first deliveries."""
        past = now - self._limits.period
        self._slices = deque(slice for slice in self._slices if slice.start > past or slice.fresh.messages)
        kept = sum(slice.fresh.messages for slice in self._slices)
        while self._slices and self._slices[0].start <= past:
            kept -= self._slices[0].fresh.messages
            if kept < self._limits.minimum:
                return
            self._slices.popleft()


ENGAGED = "dead-letter brake engaged: rejected messages are held in Pub/Sub, see docs/runbook.md"
RELEASED = "dead-letter brake let go: rejected messages become dead letters again"


class DeadLetterBrake:
    """A circuit breaker on dead letters; without limits it is off, and every rejected message becomes one."""

    def __init__(self, limits: BrakeLimits | None, monotonic: Callable[[], float]) -> None:
        self._brake = None if limits is None else Brake(limits)
        self._monotonic = monotonic

    def passed(self, message: Message) -> None:
        """Counts a message that is not rejected."""
        if self._brake is not None:
            self._count(self._brake, message, None)

    def rejected(self, message: Message, reject: Reject) -> None:
        """Counts a rejected message; raises DeadLetterHeld while the brake is engaged."""
        if self._brake is None:
            return
        self._count(self._brake, message, reject)
        if self._brake.engaged:
            raise DeadLetterHeld(
                f"held and no dead letter, as most messages are rejected now ({reject}): "
                "mend their producer or roll back the release; DEAD_LETTER_BRAKE=off overrides"
            )

    def _count(self, brake: Brake, message: Message, reject: Reject | None) -> None:
        now = self._monotonic()
        # Without a dead-letter policy (or from the emulator) a delivery has no number: then each counts.
        again = (message.delivery_attempt or 1) > 1
        change = brake.count(now, rejected=reject is not None, again=again)
        if change is not None:
            self._tell(change, brake, now, reject)

    def _tell(self, change: Change, brake: Brake, now: float, reject: Reject | None) -> None:
        recent = brake.recent(now)
        log.error(
            ENGAGED if change is Change.ENGAGED else RELEASED,
            extra={
                "error_type": None if reject is None else reject.error_type.value,
                "counts": {"messages": recent.messages, "rejected": recent.rejected},
            },
        )
