"""How the functions answer Pub/Sub: a status to a push, or what becomes of a message that is pulled."""

from collections.abc import Mapping
from dataclasses import dataclass

from tools.pipeline import pubsub_state

TOO_MANY_REQUESTS = "429"
NO_ANSWER = "no answer"
ACKNOWLEDGED, GIVEN_BACK, LEASE_RAN_OUT = "acknowledged", "given back", "lease ran out"
"""What a function that pulls does with a message, in place of a status."""
_PULLED = {pubsub_state.PULL_DONE: ACKNOWLEDGED, pubsub_state.NO_ANSWER: LEASE_RAN_OUT}


@dataclass(frozen=True, slots=True)
class Answers:
    """How one function answered in the period: a status, its class (`5xx`) or NO_ANSWER, to requests. Of one
    that pulls: ACKNOWLEDGED, GIVEN_BACK or LEASE_RAN_OUT, to messages."""

    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def accepted(self) -> int:
        return sum(count for status, count in self.counts.items() if _is_accepted(status))

    @property
    def failed(self) -> Mapping[str, int]:
        """All but what was accepted, and 429: a full instance slows Pub/Sub down, and nothing is wrong."""
        return {
            status: count
            for status, count in self.counts.items()
            if count and not _is_accepted(status) and status != TOO_MANY_REQUESTS
        }


def _is_accepted(status: str) -> bool:
    return status.startswith("2") or status in ("102", ACKNOWLEDGED)


def answer_of(status: int, is_pulled: bool) -> str:
    """As Answers names it."""
    if is_pulled:
        return _PULLED.get(status, GIVEN_BACK)
    return NO_ANSWER if status == pubsub_state.NO_ANSWER else str(status)


def sentence_of(function: str, answer: str, delivery: int) -> str:
    """What the function did with a delivery of a message that it has not acknowledged."""
    if answer == GIVEN_BACK:
        return f"{function} gave delivery {delivery} back"
    if answer == LEASE_RAN_OUT:
        return f"{function} did not settle delivery {delivery} in time"
    return f"{function} answered {'nothing' if answer == NO_ANSWER else answer} to delivery {delivery}"


def reason_in(line: object) -> str:
    """What follows "message N failed and Pub/Sub will deliver it again: "."""
    text = line.get("message") if isinstance(line, dict) else None
    return text.partition(": ")[2] if isinstance(text, str) else ""
