"""When the dead-letter brake engages, when it releases, and what redeliveries must not change.

In the timelines each letter is a message: `.` accepted, `x` rejected, upper case `X` a rejected redelivery,
`o` an accepted one, `-` a whole period without messages.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.dead_letters.brake import BrakeLimits, BrakeState, Change, DeadLetterBrake
from shared.errors import DeadLetterHeld, ErrorType, Reject
from tests.unit.builders import message

LIMITS = BrakeLimits(share=0.5, minimum=4, period=20.0)
REJECT = Reject(ErrorType.SCHEMA_ERROR, "is wrong")


class Stream:
    """Messages through a brake, a tenth of a second apart."""

    def __init__(self, limits: BrakeLimits = LIMITS) -> None:
        self.brake = BrakeState(limits)
        self._limits = limits
        self._now = 1_000.0

    def send(self, timeline: str) -> list[Change]:
        """The changes that these messages make."""
        changes = []
        for sign in timeline:
            self._now += self._limits.period * 1.1 if sign == "-" else 0.1
            if sign != "-":
                change = self.brake.count(self._now, rejected=sign in "xX", again=sign in "Xo")
                changes += [change] if change else []
        return changes


@pytest.mark.parametrize(
    ("timeline", "engaged"),
    [
        ("xxx", False),  # too few to judge by
        ("xxxx", True),
        ("..xx", False),  # half is not more than half
        ("..xxx", True),
        (".....xxxxx", False),
        (".....xxxxxx", True),
        ("xxx-x", False),  # not within one period
        ("xx-xx-xx-xx", False),
        ("....-xxxx", True),  # good messages before the period do not count
        ("oooooo", False),
    ],
)
def test_it_engages_when_most_of_enough_messages_are_rejected(timeline: str, engaged: bool) -> None:
    stream = Stream()
    stream.send(timeline)
    assert stream.brake.engaged is engaged


@pytest.mark.parametrize(
    ("after", "engaged"),
    [
        ("....", True),  # 4 of 8 are still too close to the limit
        ("......", False),  # 4 of 10
        ("XXXXXXXXXXXX" + "......", False),  # held messages come back again and again: no news
        ("......" + "XXXXXXXXXXXX", False),
        ("oooooooo", True),  # nor is a redelivery that succeeds
        ("-XXXX-XXXX", True),  # no news is not good news
        ("-" + "...", True),
        ("-" + "....", False),  # enough in this period to judge by
        ("-" + ".-.-.-.", False),  # a trickle is enough, but takes longer
        ("-" + "xx..", True),
    ],
)
def test_it_releases_when_enough_new_messages_are_good(after: str, engaged: bool) -> None:
    stream = Stream()
    stream.send("xxxx")
    stream.send(after)
    assert stream.brake.engaged is engaged


def test_an_instance_started_in_the_middle_engages_on_redeliveries() -> None:
    stream = Stream()
    assert stream.send("XXXX") == [Change.ENGAGED]
    assert stream.send("XX.X.X.X.X") == [Change.RELEASED]


def test_each_change_is_reported_once() -> None:
    stream = Stream()
    assert stream.send("x" * 50) == [Change.ENGAGED]
    assert stream.send("." * 500) == [Change.RELEASED]


def test_a_share_that_hovers_does_not_flap() -> None:
    stream = Stream(BrakeLimits(share=0.5, minimum=20, period=1_000.0))
    assert stream.send("xx" + "x." * 500) == [Change.ENGAGED]


def test_it_reports_the_counts_that_it_judges_by() -> None:
    stream = Stream()
    stream.send("xx.XX")
    assert (stream.brake.recent(1_001).messages, stream.brake.recent(1_001).rejected) == (5, 4)
    stream.send("..")
    assert (stream.brake.recent(1_001).messages, stream.brake.recent(1_001).rejected) == (5, 2)


def test_the_whole_period_decides_whether_it_releases() -> None:
    """As many good messages as it takes to judge, after most of the period's were rejected."""
    brake = BrakeState(LIMITS)
    for _ in range(20):
        brake.count(0.0, rejected=True, again=False)
    for _ in range(LIMITS.minimum):
        brake.count(LIMITS.period / 2, rejected=False, again=False)
    assert brake.engaged


def test_what_came_within_the_period_counts_though_the_first_of_it_came_before() -> None:
    brake = BrakeState(LIMITS)
    brake.count(0.0, rejected=True, again=False)
    brake.count(0.9 * LIMITS.period, rejected=True, again=False)
    assert brake.recent(1.05 * LIMITS.period).messages == 1


def test_a_delivery_without_a_number_counts_as_the_first() -> None:
    """As from a subscription without a dead-letter policy, and from the emulator."""
    brake = DeadLetterBrake(LIMITS, lambda: 0.0)
    numberless = message(b"", delivery_attempt=None)
    for _ in range(LIMITS.minimum - 1):
        brake.rejected(numberless, REJECT)
    with pytest.raises(DeadLetterHeld):
        brake.rejected(numberless, REJECT)
    for _ in range(4 * LIMITS.minimum):
        brake.passed(numberless)
    brake.rejected(numberless, REJECT)


messages = st.text(st.sampled_from(".xXo"), max_size=60)
limits = st.builds(
    BrakeLimits,
    share=st.floats(0.05, 0.95),
    minimum=st.integers(1, 20),
    period=st.sampled_from([1.0, 5.0, 1_000.0]),
)


@given(messages, limits)
def test_too_few_messages_never_engage_it(timeline: str, given_limits: BrakeLimits) -> None:
    stream = Stream(given_limits)
    assert stream.send(timeline[: given_limits.minimum - 1]) == []


@given(messages, limits, st.integers(1, 200))
def test_redeliveries_change_nothing_after_enough_first_deliveries(
    timeline: str, given_limits: BrakeLimits, again: int
) -> None:
    stream = Stream(given_limits)
    stream.send("." * given_limits.minimum + timeline)
    before = stream.brake.engaged
    assert stream.send("X" * again) == []
    assert stream.brake.engaged is before


@given(messages, limits)
def test_good_messages_release_it_after_any_history_and_among_any_redeliveries(
    timeline: str, given_limits: BrakeLimits
) -> None:
    stream = Stream(given_limits)
    stream.send(timeline)
    stream.send("-" + ".XXX" * (given_limits.minimum + len(timeline) * 25))
    assert not stream.brake.engaged


@given(messages, limits)
def test_it_engages_and_releases_alternately(timeline: str, given_limits: BrakeLimits) -> None:
    changes = Stream(given_limits).send(timeline)
    turns = [Change.ENGAGED, Change.RELEASED] * len(changes)
    assert changes == turns[: len(changes)]


def test_its_memory_is_bounded_however_long_it_waits() -> None:
    stream = Stream()
    stream.send("xxxx" + "-X" * 5_000 + "-x" * 5_000)
    assert len(stream.brake._slices) < 30
