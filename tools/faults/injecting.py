"""Which call a fault meets: decided by the plan's seed, the part, the call's name and its number.

So a plan replays as far as real processes allow: the third commit of a part's second life always meets the
same fault, but which events it holds is the scheduler's affair.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from tools.faults.plan import Calls, Deliveries, Fault, Plan
from tools.faults.running import RECORD, Record, Running

_LOST = ("UNAVAILABLE", "DEADLINE_EXCEEDED")


@dataclass(frozen=True, slots=True)
class Call:
    """One call, and what the dice say of it."""

    faults: "Faults"
    site: str
    number: int

    def happens(self, kind: Fault, share: float) -> bool:
        """Whether this fault happens to this call; it is recorded then."""
        if share <= 0 or self.roll(kind) >= share:
            return False
        self.faults.record.add(kind, self.faults.part, self.site)
        return True

    def roll(self, kind: str) -> float:
        """0 to 1, always the same for this call and kind."""
        place = f"{self.faults.seed}:{self.faults.part}:{self.faults.life}:{self.site}:{self.number}:{kind}"
        return int.from_bytes(blake2b(place.encode(), digest_size=7).digest()) / 2**56

    @property
    def slow_by(self) -> float:
        """Seconds before it is taken up."""
        calls = self.faults.calls
        return self.roll("for how long") * calls.slow_by if self.happens(Fault.SLOW, calls.slow) else 0.0

    def failure(self) -> str | None:
        """The code that it answers instead of having an effect."""
        left = self.roll(Fault.ANSWERS)
        for code, share in self.faults.calls.fails.items():
            left -= share
            if left < 0:
                self.faults.record.add(f"{Fault.ANSWERS} {code}", self.faults.part, self.site)
                return code
        return None

    def lost_answer(self) -> str | None:
        """The code that the caller sees although the call had its effect."""
        if not self.happens(Fault.LOSES_ANSWER, self.faults.calls.loses_answers):
            return None
        return _LOST[self.roll("as what") < 0.5]


@dataclass(slots=True)
class Faults:
    """One part's, in its process. Until the chain is up and after the plan has healed there are none."""

    part: str
    folder: Path
    record: Record = field(init=False)
    life: int = field(init=False)
    """How many processes this part had before: another one meets other faults."""
    _running: Running | None = None
    _numbers: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.record = Record(self.folder / RECORD)
        self.life = self.record.begin(self.part)

    @property
    def plan(self) -> Plan:
        assert self._running is not None
        return self._running.plan

    @property
    def seed(self) -> int:
        return self.plan.seed

    @property
    def calls(self) -> Calls:
        return self.plan.services.get(self.part, Calls())  # type: ignore[call-overload,no-any-return]

    @property
    def deliveries(self) -> Deliveries:
        return self.plan.deliveries

    @property
    def refused(self) -> str | None:
        """The text whose rows BigQuery refuses."""
        return self._running.plan.refuses_rows_of if self._is_running() and self._running else None

    def call(self, site: str) -> Call | None:
        """The next call of this name, for the dice; None while nothing goes wrong."""
        if not self._is_running() or self._running is None or time.time() >= self._running.heals:
            return None
        self._numbers[site] += 1
        return Call(self, site, self._numbers[site])

    def _is_running(self) -> bool:
        if self._running is None:
            self._running = Running.found_in(self.folder)
        return self._running is not None
