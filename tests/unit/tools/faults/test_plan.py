"""What a plan of faults may say, and what is answered to one that says something else."""

from pathlib import Path

import pytest

from tools.errors import UsageError
from tools.faults.drawing import draw, plan_of
from tools.faults.plan import Action, Calls, Plan, load
from tools.local.chain import ChainOptions
from tools.local.parts import PartsKind


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is wrong: the plan: Invalid JSON"),
        ("{}", "heals_at: Field required"),
        ('{"heals_at": 9, "services": {"redis": {}}}', "services.redis"),
        (
            '{"heals_at": 9, "services": {"pubsub": {"fails": {"OUT_OF_RANGE": 0.1}}}}',
            "Input should be 'ABORTED'",
        ),
        ('{"heals_at": 9, "deliveries": {"twise": 0.1}}', "deliveries.twise: Extra inputs"),
        ('{"heals_at": 9, "deliveries": {"twice": 2}}', "less than or equal to 1"),
        ('{"heals_at": 9, "clocks": {"parse": [201]}}', "less than or equal to 200"),
        (
            '{"heals_at": 9, "actions": [{"at": 10, "does": "kill", "part": "parse"}]}',
            "ends at 10, after heals_at",
        ),
        (
            '{"heals_at": 9, "actions": [{"at": 1, "does": "kill-instance", "part": "pubsub"}]}',
            "needs a function",
        ),
        ('{"heals_at": 9, "services": {"pubsub": {"loses_answers": 1}}}', "nothing would ever get through"),
        ('{"heals_at": "x", "seed": "y"}', "(and 1 more)"),
    ],
)
def test_a_wrong_plan_is_refused_with_the_place_and_the_reason(
    tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(UsageError) as refused:
        load(tmp_path / "plan.json")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["seed:", "seed:x", "seed:-1", "nowhere.json"])
def test_what_is_neither_a_file_nor_a_seed_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="seed:17"):
        plan_of(text)


def test_a_seed_always_draws_the_same_plan_which_survives_being_written() -> None:
    for seed in range(50):
        plan = draw(seed)
        assert plan == plan_of(f"seed:{seed}") == Plan.model_validate_json(plan.to_json())
    assert draw(1) != draw(2)


def test_drawn_plans_have_every_kind_of_action_and_every_status() -> None:
    plans = [draw(seed) for seed in range(100)]
    assert {action.does for plan in plans for action in plan.actions} == {"kill", "kill-instance", "freeze"}
    codes = {code for plan in plans for calls in plan.services.values() for code in calls.fails}
    assert codes == {"ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL"}


def test_a_plan_that_kills_a_service_needs_its_data_kept() -> None:
    plan = Plan(heals_at=9, actions=[Action(at=1, does="kill", part="bigquery")])
    with pytest.raises(UsageError, match="the plan kills bigquery, and their data with them: add --keep"):
        ChainOptions(faults=plan).check()
    ChainOptions(faults=plan, keep=True).check()


def test_google_s_emulators_do_not_misbehave() -> None:
    for plan in map(draw, range(20)):
        with pytest.raises(UsageError, match="leave out --parts emulators, or what the plan has of"):
            ChainOptions(faults=plan, parts=PartsKind.EMULATORS).check()


def test_beside_emulators_processes_bigquery_and_the_feature_store_misbehave() -> None:
    plans = [draw(seed).beside_emulators() for seed in range(20)]
    for plan in plans:
        ChainOptions(faults=plan, parts=PartsKind.EMULATORS).check()
        assert plan.services.keys() == {"bigquery", "feature-store"}
        assert list(plan.forgets()) == []
        assert plan.refuses_rows_of
    kinds = {(action.does, action.part) for plan in plans for action in plan.actions}
    assert {("kill", "features"), ("kill-instance", "parse"), ("freeze", "firestore")} <= kinds


def test_a_calls_shares_leave_some_that_succeed() -> None:
    with pytest.raises(ValueError, match=r"over 0\.9"):
        Calls(fails={"ABORTED": 0.5}, loses_answers=0.5)
