"""When the online store is cut off, and how often it is looked for; time by hand."""

from shared.gcp.circuit_breaker import PROBE_SECONDS, SLOW_SECONDS, SLOW_TO_OPEN, CircuitBreaker
from tests.support.clock import Clock

SLOW, FAST = SLOW_SECONDS + 0.1, SLOW_SECONDS


def test_only_slow_answers_in_a_row_open_it() -> None:
    breaker = CircuitBreaker(Clock())
    for seconds in [*[SLOW] * (SLOW_TO_OPEN - 1), FAST, *[SLOW] * (SLOW_TO_OPEN - 1)]:
        breaker.answered(seconds)
    assert breaker.reason is None
    breaker.answered(SLOW)
    assert breaker.reason is not None


def test_while_it_is_open_one_probe_is_due_in_five_seconds() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock)
    assert not breaker.may_probe(), "it is closed"
    breaker.open("away")
    asked = []
    for _ in range(4):
        asked.append((breaker.may_probe(), breaker.may_probe()))
        clock.now += PROBE_SECONDS
    assert asked == [(False, False), *[(True, False)] * 3]


def test_after_a_probe_it_takes_as_many_slow_answers_as_ever_to_open_it() -> None:
    breaker = CircuitBreaker(Clock())
    for _ in range(SLOW_TO_OPEN):
        breaker.answered(SLOW)
    breaker.probed(FAST)
    assert breaker.reason is None
    breaker.answered(SLOW)
    assert breaker.reason is None
