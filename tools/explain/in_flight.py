"""Where an event waits that is on its way: what the subscriptions hold, and what the functions log of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.topology import FUNCTIONS, SUBSCRIPTIONS, short_name
from tools.errors import CommandError
from tools.health import cloud_logs, local
from tools.health.answers import GIVEN_BACK, answer_of, reason_in, sentence_of
from tools.pipeline import google_rest, pubsub_state
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import credentials
from tools.pipeline.deployment import Deployment, Pipeline
from tools.pipeline.google_rest import GoogleRest
from tools.pipeline.pubsub_state import Held

RETENTION = timedelta(days=7)
"""As long as Pub/Sub keeps a message."""


@dataclass(frozen=True, slots=True)
class InFlight:
    """A message with the event that is not acknowledged."""

    subscription: str
    function: str
    deliveries: int
    """Answered with an error, or not in time."""
    answer: str
    """To the last of them; empty when it is not known."""
    reason: str
    """That the function logged for it; empty without a line."""
    is_braked: bool
    """The function's dead-letter brake is engaged."""

    def sentence(self) -> str:
        """For a person; ends with what happens next."""
        where = f"It is on its way: {self.subscription} holds it"
        if not self.deliveries:
            return f"{where}, and {self.function} has not answered its first delivery."
        answered = f"{where}, and {sentence_of(self.function, self.answer, self.deliveries)}"
        if self.reason:
            return f"{answered}: {self.reason}. Pub/Sub delivers it again."
        if self.is_braked:
            return (
                f"{answered}: its dead-letter brake is engaged (docs/runbook.md, Rejected events are held "
                "back). Pub/Sub delivers it again."
            )
        return f"{answered}, without a line in its log. Pub/Sub delivers it again."


def in_flight(pipeline: Pipeline, event_id: str, since: datetime | None) -> list[InFlight]:
    """Of a deployment, what was logged after `since`, when a function was last done with the event, or None.

    Raises CommandError when a service does not say.
    """
    if isinstance(pipeline, ChainAddress):
        return list(_of_chain(pipeline, event_id))
    rest = GoogleRest(google_rest.authorized(credentials(pipeline.project)))
    return list(of_deployment(pipeline, rest, event_id, since, datetime.now(UTC)))


def _of_chain(chain: ChainAddress, event_id: str) -> Iterator[InFlight]:
    # An event without an id is known by that of its message, which its own data does not have.
    in_data, by_id = (pubsub_state.find(chain.pubsub, text) for text in (_in_json(event_id), event_id))
    if in_data is None or by_id is None:
        raise CommandError("Google's emulator does not say what its subscriptions hold")
    held = [*in_data, *(delivery for delivery in by_id if delivery.message_id == event_id)]
    by_name = {short_name(delivery.subscription): delivery for delivery in held}
    for function, name in SUBSCRIPTIONS.items():
        if name in by_name:
            yield _held(chain, function, name, by_name[name])


def _in_json(event_id: str) -> str:
    """As it stands in an event, so that no longer id fits, too."""
    return json.dumps(event_id, ensure_ascii=False)


def _held(chain: ChainAddress, function: str, name: str, delivery: Held) -> InFlight:
    log = _log(chain, function)
    return InFlight(
        subscription=name,
        function=function,
        deliveries=delivery.attempt - 1,
        answer="" if delivery.answer is None else answer_of(delivery.answer, function in chain.pulled),
        reason="" if log is None else local.last_retry(log, delivery.message_id),
        is_braked=log is not None and local.read_log(log).brake.is_on,
    )


def _log(chain: ChainAddress, function: str) -> Path | None:
    return None if chain.logs is None else chain.logs / f"{function}.log"


def of_deployment(
    deployment: Deployment, rest: GoogleRest, event_id: str, since: datetime | None, now: datetime
) -> Iterator[InFlight]:
    """By its last retry; what a brake holds has no line of its own."""
    project, prefix = deployment.project, deployment.name_prefix
    last = cloud_logs.last_retry(rest, project, prefix, event_id, since or now - RETENTION)
    if last is not None:
        yield InFlight(
            subscription=short_name(str(last.line.get("subscription", ""))),
            function=last.function,
            deliveries=int(str(last.line.get("delivery_attempt") or 1)),
            answer=GIVEN_BACK if last.pulls else "an error",
            reason=reason_in(last.line),
            is_braked=False,
        )
        return
    logs = cloud_logs.read_logs(rest, project, prefix, now) if since is None else {}
    braked = [function for function in FUNCTIONS if function in logs and logs[function].brake.is_on]
    if braked:
        raise CommandError(
            f"what a dead-letter brake holds leaves no line of its own, and that of {', '.join(braked)} is "
            "engaged: docs/runbook.md, Rejected events are held back"
        )
