"""Checks that topics and subscriptions exist, and are wired so that nothing is lost."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from google.api_core.exceptions import GoogleAPICallError, NotFound, PermissionDenied
from google.pubsub_v1.types import Subscription

from shared.topology import MONITOR, subscription_name
from tools.doctor.findings import Finding, judged, ok, unknown, wrong
from tools.errors import CommandError
from tools.pipeline.pubsub import PubSub

WEEK = 7 * 24 * 3_600
TIMEOUT = 8.0
"""Seconds for one answer."""
LEAST_ACK_DEADLINE = 60
"""Seconds; a function's own timeout, before which Pub/Sub must not deliver the same message again."""
LEAST_DELIVERY = 3_600
"""Seconds from a message's first attempt to its last: the dead-letter brake holds messages for minutes at
least, and people take an hour to fix what is broken."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """How a subscription must be."""

    name: str
    topic: str
    endpoint: str | None
    """None for a pull subscription; "" when the function's URL is not known."""
    dead_letters: str | None
    """The topic for messages out of attempts; None when it must never give up."""
    feeds: bool = True
    """A function, which needs time for a message."""
    backs_off: bool = True
    """Whether there is a pause, and a longer one, before a message that failed is delivered again."""


def wirings(
    topics: Mapping[str, str],
    urls: Mapping[str, str],
    pulled: Collection[str] = (),
    backing_off: bool = True,
) -> list[Wiring]:
    """The four subscriptions of a pipeline; `urls` holds those of the functions but the `pulled`."""
    events, parsed, dead = topics["events"], topics["parsed"], topics["dead_letter"]

    def feeding(function: str, topic: str, dead_letters: str | None) -> Wiring:
        endpoint = None if function in pulled else urls.get(function, "")
        name = subscription_name(topic, function)
        return Wiring(name, topic, endpoint, dead_letters, backs_off=backing_off)

    return [
        feeding("parse", events, dead),
        feeding("features", parsed, dead),
        feeding("deadletter", dead, None),
        Wiring(subscription_name(events, MONITOR), events, None, None, feeds=False),
    ]


def check_topics(pubsub: PubSub, topics: Mapping[str, str], fix: str) -> Iterator[Finding]:
    """One finding per topic."""
    for topic in topics.values():
        check = f"topic {topic.rsplit('/', 1)[-1]}"
        try:
            with _unanswered_is_an_error():
                pubsub.publisher.get_topic(topic=topic, retry=None, timeout=TIMEOUT)
        except NotFound:
            yield wrong(check, "it does not exist: publishing to it fails", fix)
        except PermissionDenied as error:
            yield unknown(check, f"no permission to see it: {error.message}")
        else:
            yield ok(check, "exists")


def check_subscriptions(pubsub: PubSub, expected: list[Wiring], fix: str) -> Iterator[Finding]:
    """One finding per subscription."""
    for wiring in expected:
        check = f"subscription {wiring.name.rsplit('/', 1)[-1]}"
        try:
            with _unanswered_is_an_error():
                found = pubsub.subscriber.get_subscription(
                    subscription=wiring.name, retry=None, timeout=TIMEOUT
                )
        except NotFound:
            yield wrong(check, "it does not exist: its messages go nowhere", fix)
        except PermissionDenied as error:
            yield unknown(check, f"no permission to see it: {error.message}")
        else:
            yield judged(check, complaints(wiring, found), _summary(found), fix)


@contextmanager
def _unanswered_is_an_error() -> Iterator[None]:
    """Anything but a missing resource or permission means that the service does not answer."""
    try:
        yield
    except (NotFound, PermissionDenied):
        raise
    except GoogleAPICallError as error:
        raise CommandError(f"Pub/Sub does not answer: {error.message}") from None


def complaints(wiring: Wiring, found: Subscription) -> Iterator[str]:
    """Everything that is wrong with a subscription."""
    if found.topic != wiring.topic:
        yield f"it reads {found.topic}, not {wiring.topic}"
    retention = _seconds(found.message_retention_duration)
    if retention < WEEK:
        yield f"it keeps messages for {retention / 3_600:g} hours, not seven days"
    if found.expiration_policy and (ttl := found.expiration_policy.ttl):
        yield f"it is deleted after {_seconds(ttl) / 86_400:g} days without activity"
    endpoint = found.push_config.push_endpoint
    if wiring.endpoint is None and endpoint:
        yield f"it pushes to {endpoint}, but should be a pull subscription"
    if not wiring.feeds:
        return
    if wiring.endpoint and endpoint != wiring.endpoint:
        yield f"it pushes to {endpoint or 'nobody'}, not to {wiring.endpoint}"
    if found.ack_deadline_seconds < LEAST_ACK_DEADLINE:
        deadline = found.ack_deadline_seconds
        yield f"its ack deadline of {deadline} s is less than a function's {LEAST_ACK_DEADLINE} s"
    yield from _about_giving_up(wiring, found)


def _about_giving_up(wiring: Wiring, found: Subscription) -> Iterator[str]:
    policy = found.dead_letter_policy
    if wiring.backs_off and not found.retry_policy:
        yield "it has no backoff: a failing message is redelivered at once, over and over"
    if wiring.dead_letters is None:
        if policy:
            yield f"it forwards messages to {policy.dead_letter_topic}, but must keep them"
        return
    if not policy:
        yield "it has no dead-letter policy: attempts are not counted, and poison messages return for days"
    elif policy.dead_letter_topic != wiring.dead_letters:
        yield f"its dead letters go to {policy.dead_letter_topic}, not to {wiring.dead_letters}"
    elif found.retry_policy and (lasts := delivery_lasts(found)) < LEAST_DELIVERY:
        attempts = policy.max_delivery_attempts
        yield f"its {attempts} attempts last {lasts / 60:.0f} minutes: too short to fix what is broken"


def delivery_lasts(found: Subscription) -> float:
    """Seconds from a message's first attempt to its last: each pause is twice the one before."""
    pause = _seconds(found.retry_policy.minimum_backoff)
    longest = _seconds(found.retry_policy.maximum_backoff)
    return sum(
        min(longest, pause * 2.0**number)
        for number in range(found.dead_letter_policy.max_delivery_attempts - 1)
    )


def _seconds(duration: object) -> float:
    """The client returns durations as timedelta, whatever its annotations say."""
    return duration.total_seconds() if isinstance(duration, timedelta) else 0.0


def _summary(found: Subscription) -> str:
    endpoint = found.push_config.push_endpoint
    if not endpoint and not found.retry_policy:
        return "pull, keeps seven days"
    how = f"pushes to {endpoint}" if endpoint else "pull"
    if not found.dead_letter_policy:
        return f"{how}, never gives up"
    attempts = found.dead_letter_policy.max_delivery_attempts
    if not found.retry_policy:
        return f"{how}, {attempts} attempts without a backoff"
    lasts = delivery_lasts(found) / 3_600
    return f"{how}, {attempts} attempts in {lasts:.1f} hours"
