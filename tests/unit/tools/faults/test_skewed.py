"""A function's clock that is wrong while the plan runs, read by a process that knows nothing of it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.faults.plan import Plan
from tools.faults.running import Running
from tools.paths import ROOT

READS = """
from shared import clock

print(clock.utc_now().timestamp())
"""
FORKS = """
import os
from shared import clock

while not (child := os.fork()):
    print(clock.utc_now().timestamp(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.parametrize(("ago", "wrong"), [(0.0, 150), (60.0, 0)])
@pytest.mark.parametrize("module", [FORKS, READS], ids=["a worker's", "the only process's"])
def test_a_clock_is_wrong_until_the_plan_has_healed(
    tmp_path: Path, ago: float, wrong: int, module: str
) -> None:
    (tmp_path / "reads.py").write_text(module)
    Running(plan=Plan(heals_at=60), began=time.time() - ago).write(tmp_path)
    read = subprocess.run(
        [sys.executable, "-m", "tools.local.skewed", str(tmp_path), "150,-30", "reads"],
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        check=True,
    )
    assert float(read.stdout) - time.time() == pytest.approx(wrong, abs=30)
