"""The parts of a chain on this machine: what to do about those that answer nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import join

from shared.topology import FUNCTIONS
from tools.doctor.findings import Finding, wrong
from tools.pipeline.address import ChainAddress, ChainFile
from tools.pipeline.processes import Condition, conditions

RESTART = "stop `cqc up` with Ctrl-C and start it again, without its data: cqc up"
"""What fixes a local chain: it is created from scratch when it starts, within seconds."""


@dataclass(frozen=True, slots=True)
class Parts:
    """By name; `naming` are the words of the command line that name the chain."""

    conditions: Mapping[str, Condition]
    forgets: Mapping[str, str]
    naming: Sequence[str]

    def down(self) -> dict[str, Finding]:
        """What was paused or has ended, by check: none of it answers, whoever asks."""
        return {
            check: wrong(check, detail, self.fix(part))
            for part, condition in self.conditions.items()
            for check in [f"{'function' if part in FUNCTIONS else 'part'} {part}"]
            for detail in [_DETAILS.get(condition)]
            if detail is not None
        }

    def fix(self, *parts: str) -> str:
        """What helps when one of these parts does not answer, by what is known of them."""
        paused = [part for part in parts if self.conditions.get(part) is Condition.PAUSED]
        if paused:
            return " && ".join(self._command("resume", part) for part in paused)
        for part in parts:
            if self.conditions.get(part) is Condition.ENDED:
                return f"wait a few seconds: `cqc up` starts {part} again, and says why if it can't"
        return self._restart(*parts) if len(parts) == 1 else RESTART

    def unanswered(self) -> dict[str, str]:
        """What helps when a service does not answer a check, by check."""
        needs = {"Pub/Sub": ["pubsub"], "BigQuery": ["bigquery"], "flush": ["firestore", "bigquery"]}
        needs |= {"flow": list(self.conditions), "probe": list(self.conditions)}
        return {check: self.fix(*needed) for check, needed in needs.items()}

    def _restart(self, part: str) -> str:
        lost = f" (it comes back without its data{self.forgets[part]})" if part in self.forgets else ""
        return self._command("restart", part) + lost

    def _command(self, command: str, part: str) -> str:
        return join(["cqc", command, part, *self.naming])


_DETAILS = {
    Condition.PAUSED: "it is paused, and answers nothing until it goes on",
    Condition.ENDED: "it has ended, and is being started again",
}


def parts_of(chain: ChainAddress, naming: Sequence[str]) -> Parts:
    """As they are now; of an address without processes nothing is known."""
    if not isinstance(chain, ChainFile):
        return Parts({}, {}, naming)
    return Parts(conditions(chain), chain.forgets, naming)
