"""Making a plan smaller that breaks a law."""

from collections.abc import Callable

import pytest

from tests.soak.shrinking import shrink
from tools.faults.drawing import draw
from tools.faults.plan import Action, Plan


def never() -> bool:
    return False


def tried(plan: Plan, breaks: Callable[[Plan], bool]) -> tuple[Plan, list[Plan]]:
    trials: list[Plan] = []

    def trial(smaller: Plan) -> bool:
        trials.append(smaller)
        return breaks(smaller)

    return shrink(plan, trial, never), trials


@pytest.mark.parametrize("seed", range(20))
def test_what_does_not_matter_is_left_out(seed: int) -> None:
    """The law breaks on two things at once: only they remain."""
    plan = draw(seed)

    def breaks(smaller: Plan) -> bool:
        aborts = any("ABORTED" in calls.fails for calls in smaller.services.values())
        return aborts and any(action.part == "features" for action in smaller.actions)

    smallest, trials = tried(plan, breaks)
    assert plan not in trials
    if not breaks(plan):
        assert smallest == plan
        return
    (action,) = smallest.actions
    (calls,) = smallest.services.values()
    assert action.part == "features"
    assert calls.model_dump(exclude_defaults=True).keys() == {"fails"}
    assert list(calls.fails) == ["ABORTED"]
    assert not smallest.clocks
    assert (smallest.seed, smallest.heals_at) == (plan.seed, plan.heals_at)


def test_a_plan_that_breaks_whatever_is_left_out_loses_everything_in_a_few_trials() -> None:
    smallest, trials = tried(draw(1), lambda _: True)
    assert (smallest.services, smallest.actions, smallest.clocks) == ({}, (), {})
    assert len(trials) <= 5


def test_no_plan_is_tried_when_time_is_over() -> None:
    plan = Plan(heals_at=9, actions=[Action(at=1, does="kill", part="parse")])

    def breaks(smaller: Plan) -> bool:
        raise AssertionError(smaller)

    assert shrink(plan, breaks, lambda: True) == plan
