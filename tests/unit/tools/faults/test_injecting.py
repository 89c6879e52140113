"""Which calls meet a fault: the same ones each time, none before the chain is up or after the plan healed."""

import time
from pathlib import Path

import pytest

from tools.faults.injecting import Call, Faults
from tools.faults.plan import Calls, Fault, Plan
from tools.faults.running import RECORD, Record, Running

PLAN = Plan(
    seed=7,
    heals_at=60,
    services={"firestore": Calls(fails={"ABORTED": 0.2, "INTERNAL": 0.2}, loses_answers=0.3)},
    refuses_rows_of="marked",
)


def begin(folder: Path, began: float | None = None) -> Faults:
    """A process of Firestore's in a chain whose plan runs."""
    Running(plan=PLAN, began=time.time() if began is None else began).write(folder)
    return Faults("firestore", folder)


def next_call(faults: Faults, site: str = "Commit") -> Call:
    call = faults.call(site)
    assert call is not None
    return call


def fates(faults: Faults, site: str = "Commit") -> list[tuple[str | None, str | None]]:
    calls = [next_call(faults, site) for _ in range(200)]
    return [(call.failure(), call.lost_answer()) for call in calls]


def test_the_same_call_of_the_same_life_meets_the_same_fault(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert fates(begin(tmp_path / "one")) == fates(begin(tmp_path / "two"))


def test_another_call_and_another_life_meet_others(tmp_path: Path) -> None:
    faults = begin(tmp_path)
    assert fates(faults) != fates(faults, "RunQuery")
    again = begin(tmp_path)
    assert (faults.life, again.life) == (0, 1)
    assert fates(begin(tmp_path)) != fates(again)


def test_faults_come_as_often_as_the_plan_says_and_are_counted(tmp_path: Path) -> None:
    found = fates(begin(tmp_path))
    failures = [code for code, _ in found if code]
    assert 0.3 < len(failures) / len(found) < 0.5
    counted = Record(tmp_path / RECORD).counted()
    assert counted["answers ABORTED", "firestore"] == failures.count("ABORTED")
    assert counted[Fault.LOSES_ANSWER, "firestore"] == sum(lost is not None for _, lost in found)


def test_nothing_goes_wrong_before_the_chain_is_up(tmp_path: Path) -> None:
    assert Faults("firestore", tmp_path).call("Commit") is None


def test_nothing_goes_wrong_once_the_plan_has_healed_but_for_the_rows_that_are_refused(
    tmp_path: Path,
) -> None:
    faults = begin(tmp_path, began=time.time() - PLAN.heals_at)
    assert faults.call("Commit") is None
    assert faults.refused == "marked"


@pytest.mark.parametrize("part", ["pubsub", "bigquery"])
def test_a_part_that_the_plan_does_not_name_behaves(tmp_path: Path, part: str) -> None:
    begin(tmp_path)
    call = next_call(Faults(part, tmp_path))
    assert (call.failure(), call.lost_answer(), call.slow_by) == (None, None, 0.0)
