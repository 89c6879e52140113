"""The dead-letter brake at work in a function: counts verdicts, holds, and says once when it changes."""

from collections.abc import Callable

from shared.brake import Brake, BrakeLimits, Change
from shared.envelope import Message
from shared.errors import Held, Reject
from shared.telemetry import log

ENGAGED = "dead-letter brake engaged: rejected messages are held in Pub/Sub, see docs/runbook.md"
RELEASED = "dead-letter brake let go: rejected messages become dead letters again"


class Holding:
    """For `Stage`; without limits it is off, and every rejected message passes on to the dead letters."""

    def __init__(self, limits: BrakeLimits | None, monotonic: Callable[[], float]) -> None:
        self._brake = None if limits is None else Brake(limits)
        self._monotonic = monotonic

    def passed(self, message: Message) -> None:
        """Counts a message that is not rejected."""
        if self._brake is not None:
            self._count(self._brake, message, None)

    def rejected(self, message: Message, reject: Reject) -> None:
        """Counts a rejected message; raises Held while the brake is engaged."""
        if self._brake is None:
            return
        self._count(self._brake, message, reject)
        if self._brake.engaged:
            raise Held(
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
