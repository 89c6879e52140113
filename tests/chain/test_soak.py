"""A chain that misbehaves by a short plan, and is whole again once it has healed.

`python -m nox -s soak -- --minutes N` runs more of them, and longer ones.
"""

from pathlib import Path

import pytest

from tests.soak.soaking import soak
from tests.support.polling import until
from tests.support.up import running_up
from tools.faults.drawing import draw
from tools.faults.plan import Action, Fault, Plan
from tools.faults.running import RECORD, Record
from tools.local import emulators
from tools.local.parts import PartsKind
from tools.pipeline.address import Driver

pytestmark = [pytest.mark.outages, pytest.mark.timeout(360)]

SEED = 3


@pytest.mark.parametrize("driver", Driver)
def test_a_chain_that_misbehaved_by_a_drawn_plan_is_whole_again(tmp_path: Path, driver: Driver) -> None:
    verdict = soak(draw(SEED, heals_at=8), tmp_path / "chain", events=100, driver=driver)
    assert verdict.broken == [], verdict
    assert len({kind for kind, _ in verdict.injected}) > 3, verdict.injected


def test_a_chain_beside_google_s_emulators_is_whole_again_too(tmp_path: Path) -> None:
    try:
        emulators.pubsub(0), emulators.firestore(0)
    except emulators.EmulatorMissing as error:
        pytest.skip(str(error))
    plan = draw(SEED, heals_at=8).beside_emulators()
    verdict = soak(plan, tmp_path / "chain", events=100, parts=PartsKind.EMULATORS)
    assert verdict.broken == [], verdict
    assert {Fault.KILL, Fault.KILL_INSTANCE} & {kind for kind, _ in verdict.injected}, verdict.injected


@pytest.mark.parametrize("driver", Driver)
def test_cqc_up_runs_a_plan_from_a_file(tmp_path: Path, driver: Driver) -> None:
    plan = Plan(heals_at=30, actions=[Action(at=0, does="kill-instance", part="parse")])
    (tmp_path / "plan.json").write_text(plan.to_json())
    with running_up(tmp_path, "--driver", driver, "--faults", "plan.json") as up:
        record = Record(tmp_path / ".cqc" / "faults" / RECORD)
        until(record.counted, "a kill", lambda found: found == {(Fault.KILL_INSTANCE, "parse"): 1})
        up.until_it_says("It misbehaves for 30 s")
