"""Many inputs, one after another: what became of them, what they cost, and the first that breaks the law."""

import gc
import heapq
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.hostile.inputs import Input, draw
from tests.hostile.law import Verdict, judge

EVERY = 500
"""One in so many inputs runs once more with its memory measured, as do the first FIRST of each kind of
change: measuring takes several times as long as the input itself."""
FIRST = 5
WARM = 2_000
"""Inputs until caches are filled and every import is done."""


@dataclass(slots=True)
class Tally:
    """What a run has seen."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[float, int]] = field(default_factory=list)
    """Seconds and the input's number, of the ten slowest."""
    hungriest: tuple[int, int] = (0, 0)
    """Bytes of memory and of the body."""
    measured: int = 0
    took: float = 0.0
    cpu: float = 0.0
    kept: int = 0
    """Objects that are alive at the end and were not after WARM inputs."""
    failing: Input | None = None

    def add(self, given: Input, verdict: Verdict) -> None:
        self.inputs += 1
        self.outcomes[verdict.outcome] += 1
        self.changes.update(given.changes)
        heapq.heappush(self.slowest, (verdict.seconds, given.number))
        if len(self.slowest) > 10:
            heapq.heappop(self.slowest)
        if verdict.memory:
            self.measured += 1
            self.hungriest = max(self.hungriest, (verdict.memory, len(given.body)))
        if verdict.broken:
            self.failing = given

    def measures(self, given: Input) -> bool:
        """Whether this input's memory is looked at."""
        return given.number % EVERY == 0 or any(self.changes[change] < FIRST for change in given.changes)


def run(seed: int, count: int, progress: Callable[[Tally], None] | None = None, first: int = 0) -> Tally:
    """`count` inputs of the seed from the first on, up to one that breaks the law."""
    tally = Tally()
    began, cpu, warm = time.monotonic(), time.process_time(), 0
    for number in range(first, first + count):
        given = draw(seed, number)
        tally.add(given, judge(given, tally.measures(given)))
        if tally.failing is not None:
            break
        if tally.inputs == WARM:
            warm = _alive()
        if progress is not None and tally.inputs % 50_000 == 0:
            progress(tally)
    tally.took, tally.cpu = time.monotonic() - began, time.process_time() - cpu
    tally.kept = _alive() - warm if warm else 0
    return tally


def _alive() -> int:
    """Blocks of memory that Python has handed out: about one an object."""
    gc.collect()
    return sys.getallocatedblocks()
