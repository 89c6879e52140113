"""Time that passes when a test says so."""

from dataclasses import dataclass


@dataclass
class Clock:
    now: float = 100.0
    """Monotonic seconds."""

    def __call__(self) -> float:
        return self.now
