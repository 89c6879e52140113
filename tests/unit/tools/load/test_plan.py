"""The schedule of a run: fixed beforehand, whatever becomes of the events."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import UsageError
from tools.load.plan import MOST_EVENTS, Outage, Phase, Plan, due_times


def test_events_are_due_evenly_from_the_first_moment_on() -> None:
    assert list(due_times((Phase(1.0, 4.0),))) == [0.0, 0.25, 0.5, 0.75]


def test_a_burst_lies_between_two_halves_at_the_steady_rate() -> None:
    plan = Plan(rate=2, seconds=4, burst_factor=10, burst_seconds=1)
    due = list(due_times(plan.phases()))
    assert len(due) == 4 + 20 + 4
    assert [time for time in due if 2 <= time < 3] == due[4:24]
    assert due[24] == 3.0
    assert plan.disturbed == (2.0, 3.0)


@given(
    st.lists(
        st.builds(Phase, st.floats(0.001, 100), st.floats(0.001, 50)),
        min_size=1,
        max_size=4,
    )
)
def test_no_event_is_due_before_an_earlier_one_nor_after_the_end(phases: list[Phase]) -> None:
    due = list(due_times(tuple(phases)))
    total = sum(phase.seconds for phase in phases)
    assert all(before <= after + 1e-9 for before, after in pairwise(due))
    assert all(0 <= time <= total + 1e-9 for time in due)
    assert len(due) == sum(phase.events for phase in phases)


def test_a_load_that_ends_before_the_outage_is_refused_with_what_to_change() -> None:
    plan = Plan(rate=10, seconds=60, outage=Outage("bigquery", 50))
    with pytest.raises(UsageError, match=r"give it --minutes 1\.1 or more"):
        plan.check()
    Plan(rate=10, seconds=60, outage=Outage("bigquery", 45)).check()


@pytest.mark.parametrize(("rate", "seconds"), [(0.001, 1), (1e9, 60), (1, MOST_EVENTS + 1)])
def test_a_load_of_no_events_or_of_too_many_is_refused(rate: float, seconds: float) -> None:
    with pytest.raises(UsageError, match="change --rate or --minutes"):
        Plan(rate=rate, seconds=seconds).check()
