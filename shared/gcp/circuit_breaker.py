"""Whether the online store is worth a call: not while it is away or slow, until a probe finds it back."""

from collections.abc import Callable

from shared.telemetry.logs import LogEvent, log

SLOW_SECONDS = 1.0
"""An answer later than this counts as slow: a batch waits for it, and events wait for their batch."""
SLOW_TO_OPEN = 3
"""Slow answers in a row that open the breaker; a single one may be that of a new connection."""
PROBE_SECONDS = 5.0
"""From one probe to the next: what an absent service costs is one call in this time."""


class CircuitBreaker:
    """Closed while the store answers, open while it does not; logs each change once.

    `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        slow_seconds: float = SLOW_SECONDS,
        probe_seconds: float = PROBE_SECONDS,
    ) -> None:
        self._clock = clock
        self._slow_seconds = slow_seconds
        self._probe_seconds = probe_seconds
        self._slow_in_a_row = 0
        self._next_probe = 0.0
        self.answers = 0
        """How many calls have been answered in time."""
        self.reason: str | None = None
        """Why it is open, None while it is closed."""

    def answered(self, seconds: float) -> None:
        """A call was answered after so long; too many slow answers open the breaker."""
        if seconds <= self._slow_seconds:
            self.answers += 1
            self._slow_in_a_row = 0
            return
        self._slow_in_a_row += 1
        if self._slow_in_a_row >= SLOW_TO_OPEN:
            self.open(f"its answers take more than {self._slow_seconds:g} s")

    def open(self, reason: str) -> None:
        """No more calls but probes."""
        if self.reason is None:
            self.reason = reason
            self._next_probe = self._clock() + self._probe_seconds
            log.error(
                "the online store is unavailable, it gets a probe every %g s until one is answered: %s",
                self._probe_seconds,
                reason,
                extra={"event": LogEvent.ONLINE_STORE_UNAVAILABLE},
            )

    def may_probe(self) -> bool:
        """Whether a probe is due; the caller then makes one, and the next is due after a while."""
        if self.reason is None or self._clock() < self._next_probe:
            return False
        self._next_probe = self._clock() + self._probe_seconds
        return True

    def probed(self, seconds: float) -> None:
        """A probe was answered after so long: closes the breaker unless that was slow."""
        if self.reason is not None and seconds <= self._slow_seconds:
            self.reason = None
            self._slow_in_a_row = 0
            log.warning(
                "the online store has recovered, values are sent to it again",
                extra={"event": LogEvent.ONLINE_STORE_RECOVERED},
            )
