"""Waiting for what another process or thread does."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that a busy machine may take."""


def until(
    look: Callable[[], T], what: str, holds: Callable[[T], object] = bool, patience: float = PATIENCE
) -> T:
    """The first thing seen that holds, by default a true one; fails after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not holds(seen := look()):
        assert time.monotonic() < deadline, f"waited {patience:.0f} s for {what}; the last seen: {seen!r}"
        time.sleep(0.05)  # polls
    return seen
