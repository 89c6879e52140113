"""`cqc doctor --probe`: one marked message through the chain, and where it stopped.

It is a heartbeat (docs/decisions/0027): it goes through the same topics, subscriptions and instances as an
event, and ends in a line of the log of `features`, in no table, window or online value. So it says nothing
about the sinks: the answers of `features` do.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from shared.message import HEARTBEAT_ATTRIBUTE, HEARTBEAT_DATA, PROBE_ATTRIBUTE
from shared.topology import SUBSCRIPTIONS, short_name
from tools.doctor.findings import Finding, ok, wrong
from tools.errors import CommandError
from tools.health import cloud_logs, local
from tools.health.answers import answer_of, sentence_of
from tools.pipeline import google_rest, pubsub_state
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import connect_pubsub, credentials
from tools.pipeline.deployment import Deployment, Pipeline
from tools.pipeline.google_rest import GoogleRest
from tools.pipeline.pubsub_state import Held

CHECK = "probe"
PUBLISH_TIMEOUT = 5.0


class Way(Protocol):
    """How a pipeline is asked about the probe; all but the constants raise CommandError."""

    patience: float
    """Seconds for it to arrive."""
    step: float
    """Seconds between two looks."""

    def has_arrived(self, mark: str) -> bool:
        """Whether the log of `features` has it."""

    def whereabouts(self, mark: str) -> str:
        """Where it is when it has not arrived in time: a sentence's end."""


@dataclass(frozen=True, slots=True)
class Time:
    """What the loop needs of a clock; a test has its own."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


def probe(pipeline: Pipeline, fix: str) -> Iterator[Finding]:
    """One finding; raises CommandError when the probe can't be sent."""
    mark = f"probe-{uuid4().hex}"
    send(pipeline, mark)
    yield follow(mark, way_through(pipeline), fix, Time())


def patience(pipeline: Pipeline) -> float:
    """Seconds that a probe takes at most, beside the calls' own limits."""
    return LocalWay.patience if isinstance(pipeline, ChainAddress) else CloudWay.patience


def send(pipeline: Pipeline, mark: str) -> None:
    client = connect_pubsub(pipeline)
    attributes = {HEARTBEAT_ATTRIBUTE: "probe", PROBE_ATTRIBUTE: mark}
    try:
        client.publish_messages(pipeline.topics["events"], [(HEARTBEAT_DATA, attributes)], PUBLISH_TIMEOUT)
    finally:
        client.close()


def way_through(pipeline: Pipeline) -> Way:
    return LocalWay(pipeline) if isinstance(pipeline, ChainAddress) else CloudWay(pipeline)


def follow(mark: str, way: Way, fix: str, clock: Time) -> Finding:
    """Looks for the probe until it has arrived, or the way's patience is at its end."""
    start = clock.now()
    while not way.has_arrived(mark):
        if clock.now() - start >= way.patience:
            late = f"{mark} is not in the log of features after {way.patience:g} s"
            return wrong(CHECK, f"{late}: {_whereabouts(way, mark)}", fix)
        clock.wait(way.step)
    took = f"{clock.now() - start:.1f} s"
    return ok(CHECK, f"{mark} went through parse and features within {took}; it left no features")


def _whereabouts(way: Way, mark: str) -> str:
    try:
        return way.whereabouts(mark)
    except CommandError as error:
        return f"where it is can't be learned ({error})"


class LocalWay:
    """By the log of `features` and the Pub/Sub stand-in."""

    patience = 8.0
    step = 0.1

    def __init__(self, chain: ChainAddress) -> None:
        self._chain = chain

    def has_arrived(self, mark: str) -> bool:
        if self._chain.logs is None:
            raise CommandError("where the chain's logs are is not known: name its file with --chain")
        return local.mentions(self._chain.logs / "features.log", mark)

    def whereabouts(self, mark: str) -> str:
        held = pubsub_state.find(self._chain.pubsub, mark)
        if held is None:
            return "Google's emulator does not say which subscription holds it"
        by_name = {short_name(delivery.subscription): delivery for delivery in held}
        return stopped(by_name, self._chain.pulled)


def stopped(held: Mapping[str, Held], pulled: Collection[str] = ()) -> str:
    """Where it is, by the subscription that holds it."""
    for function, name in SUBSCRIPTIONS.items():
        if name in held:
            return f"{name} holds it, {_attempts(function, held[name], function in pulled)}"
    return "every subscription has it acknowledged, and features has not logged it: it runs another release"


def _attempts(function: str, held: Held, is_pulled: bool) -> str:
    if held.answer is None:
        return f"and {function} has not answered its first delivery"
    return f"and {sentence_of(function, answer_of(held.answer, is_pulled), held.attempt - 1)}"


class CloudWay:
    """By Cloud Logging; nothing says which subscription holds one message."""

    patience = 60.0
    step = 3.0

    def __init__(self, deployment: Deployment) -> None:
        self._rest = GoogleRest(google_rest.authorized(credentials(deployment.project)))
        self._deployment = deployment
        self._since = datetime.now(UTC)

    def has_arrived(self, mark: str) -> bool:
        return cloud_logs.mentions(self._rest, self._deployment.project, mark, self._since)

    def whereabouts(self, mark: str) -> str:
        return f"look at the backlogs above; its message has the attribute {PROBE_ATTRIBUTE}={mark}"
