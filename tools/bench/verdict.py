"""Whether a function still costs what it may: tells a regression from a busy machine. Pure.

The yardstick is the no-op, whose code does not change. Load from elsewhere hits it as well as the function
beside it, so where the no-op itself varies between rounds nothing can be said of the function.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tools.bench.figures import spread
from tools.cost.measurements import Spread

CALM = 0.15
"""How far the middle half of the no-op's rounds may reach, as a share of their median. It was 0.02 to 0.12 on
two cores with a load of 7."""
LEAST_ROUNDS = 5

BUDGETS = {
    ("parse", 32): 1.9,
    ("parse", 80): 1.5,
    ("features", 32): 3.5,
    ("features", 80): 2.7,
    ("parse-pull", 80): 0.62,
    ("features-pull", 80): 1.3,
}
"""Function and requests at once to the most CPU an event, as a multiple of the no-op's.

On a quiet machine these were 2.05, 1.76, 3.73 and 2.85 while pushes still went through the framework, and are
a fifth to a quarter less since: a budget is under the first and over the second. On a busy machine all ratios
are lower (1.69, 1.50, 2.58 and 2.13 for the first), so that only a larger regression shows there. Those that
pull were 0.46 to 0.52 and 0.97 to 1.06 there, and 0.64 and 1.37 in batches of 40 instead of 200."""


class Verdict(StrEnum):
    HOLDS = "holds"
    REGRESSED = "regressed"
    UNCERTAIN = "cannot say"


@dataclass(frozen=True, slots=True)
class Finding:
    """One function under one load, against its budget."""

    function: str
    at_once: int
    budget: float
    ratios: Spread
    """CPU an event as a multiple of the no-op's of the same round."""
    noise: float
    """How far the middle half of the no-op's rounds reaches, as a share of their median."""

    @property
    def verdict(self) -> Verdict:
        """A regression only where three rounds of four are over the budget and the no-op was steady."""
        if self.ratios.high <= self.budget:
            return Verdict.HOLDS
        if self.noise > CALM:
            return Verdict.UNCERTAIN
        if self.ratios.low > self.budget:
            return Verdict.REGRESSED
        return Verdict.HOLDS if self.ratios.median <= self.budget else Verdict.UNCERTAIN

    def __str__(self) -> str:
        measured = f"{self.function} at {self.at_once}: {self.ratios} × the no-op, budget {self.budget:g}"
        return f"{measured}: {self.verdict}{_WHY[self.verdict].format(noise=self.noise)}"


_WHY = {
    Verdict.HOLDS: ".",
    Verdict.REGRESSED: (
        ", as the no-op varied by {noise:.0%} only. Find the commit: python -m tools.bench --against CHECKOUT"
    ),
    Verdict.UNCERTAIN: (
        ": the no-op, which did not change, varied by {noise:.0%} between rounds, or the rounds disagree. "
        "The machine is busy; run it again on a quiet one."
    ),
}


def judge(function: str, at_once: int, cpu: Sequence[float], noop: Sequence[float]) -> Finding:
    """From the CPU an event of the function and of the no-op, round by round."""
    ratios = spread(mine / base for mine, base in zip(cpu, noop, strict=True))
    base = spread(noop)
    noise = (base.high - base.low) / base.median
    return Finding(function, at_once, BUDGETS[function, at_once], ratios, round(noise, 3))
