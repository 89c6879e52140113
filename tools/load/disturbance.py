"""Stops a part of the running chain for the time that the plan says."""

from signal import SIGCONT, SIGKILL, SIGSTOP

from tools.errors import choose
from tools.load.plan import Plan
from tools.local.chain import Chain


class Disturbance:
    """Call `step` often, with seconds from the start; only the thread that started the chain may."""

    def __init__(self, plan: Plan, chain: Chain) -> None:
        """Raises UsageError for a part that the chain does not have."""
        self._plan = plan
        self._processes = {process.name: process for process in chain.processes}
        if plan.outage is not None:
            choose("--outage", plan.outage.part, self._processes)
        self.began: float | None = None
        self.ended: float | None = None

    @property
    def keeps_down(self) -> bool:
        """Whether a part is dead on purpose, and must not be started again yet."""
        outage = self._plan.outage
        return outage is not None and outage.killed and self.began is not None and self.ended is None

    def step(self, now: float) -> str | None:
        """What happened at this step, as a sentence; None if nothing did."""
        outage = self._plan.outage
        if outage is None:
            return None
        process = self._processes[outage.part]
        if self.began is None and now >= self._plan.outage_begin:
            self.began = now
            process.signal_group(SIGKILL if outage.killed else SIGSTOP)
            return f"{outage.part} is {outage.how} for {outage.seconds:g} s."
        if self.began is not None and self.ended is None and now >= self.began + outage.seconds:
            self.ended = now
            process.signal_group(SIGCONT)  # a dead group ignores it, and the chain starts it again
            return f"{outage.part} goes on."
        return None
