"""The rules of a subscription that are too slow, or too exact, to see from outside. Times are in seconds."""

from datetime import UTC, datetime

import pytest

from tools.standins.pubsub.backlog import Backlog
from tools.standins.pubsub.leases import Leases, Outstanding
from tools.standins.pubsub.model import Backoff, DeadLetterPolicy, Delivery, Message, SubscriptionSettings

MESSAGE = Message(b"data", {}, "", "1", datetime(2024, 1, 1, tzinfo=UTC))
NAME = "projects/p/subscriptions/s"


def settings(backoff: Backoff, dead_letters: DeadLetterPolicy | None = None) -> SubscriptionSettings:
    return SubscriptionSettings(NAME, "projects/p/topics/t", "", 10.0, backoff, dead_letters)


def backlog(backoff: Backoff, dead_letters: DeadLetterPolicy | None, forwarded: list[Delivery]) -> Backlog:
    """One message in it; `forwarded` gets what goes to the dead-letter topic."""

    made = Backlog(settings(backoff, dead_letters), lambda _, __, delivery: forwarded.append(delivery))
    made.add(MESSAGE)
    return made


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (8, 600), (5_000, 600)]
)
def test_the_backoff_doubles_from_its_minimum_to_its_maximum(attempt: int, seconds: float) -> None:
    assert Backoff(10, 600).after(attempt) == seconds


def test_a_failed_message_is_not_due_before_its_backoff_is_over() -> None:
    waiting = backlog(Backoff(10, 600), None, [])
    (delivery,) = waiting.take(5, now=0)
    waiting.fail(delivery, now=3)
    assert waiting.next_due() == 13
    assert waiting.take(5, now=12.9) == []
    (again,) = waiting.take(5, now=13)
    assert (again.message, again.attempt) == (MESSAGE, 2)


def test_the_last_attempt_is_forwarded_and_forgotten() -> None:
    forwarded: list[Delivery] = []
    failing = backlog(Backoff(0, 0), DeadLetterPolicy("projects/p/topics/dead", 5), forwarded)
    for attempt in range(1, 6):
        (delivery,) = failing.take(1, now=attempt)
        assert delivery.attempt == attempt
        failing.fail(delivery, now=attempt)
    assert [delivery.attempt for delivery in forwarded] == [5]
    assert failing.take(1, now=1_000) == []


def test_without_a_dead_letter_policy_the_attempts_go_on() -> None:
    failing = backlog(Backoff(0, 0), None, [])
    for attempt in range(1, 9):
        (delivery,) = failing.take(1, now=attempt)
        assert delivery.attempt == attempt
        failing.fail(delivery, now=attempt)


def test_a_lease_ends_once() -> None:
    leases = Leases(settings(Backoff(0, 0)))
    delivery = Delivery(MESSAGE)
    ack_id = leases.grant(delivery, 10, Outstanding())
    leases.extend(ack_id, deadline=30)
    assert leases.expired(now=29) == []
    assert leases.next_due() == 30
    assert leases.expired(now=30) == [delivery]
    assert leases.end(ack_id) is None
    assert leases.expired(now=31) == []
    assert leases.knows(ack_id)
    assert not leases.knows(f"{NAME}:one")
