"""What the doctor advises for parts of a local chain that do not answer: what loses no data, if possible."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.polling import until
from tests.unit.tools.test_local_parts import PORTS
from tools.doctor.findings import Verdict
from tools.doctor.parts import RESTART, Parts, parts_of
from tools.local.parts import address
from tools.pipeline.address import ChainFile
from tools.pipeline.processes import Condition, conditions

FORGETS = {"bigquery": ": cqc up --keep keeps it"}
STATES = {
    "pubsub": Condition.RUNNING,
    "bigquery": Condition.PAUSED,
    "feature-store": Condition.PAUSED,
    "deadletter": Condition.ENDED,
}


@pytest.mark.parametrize(
    ("parts", "fix"),
    [
        (["bigquery"], "cqc resume bigquery --chain c.json"),
        (["pubsub", "bigquery"], "cqc resume bigquery --chain c.json"),
        ([*STATES], "cqc resume bigquery --chain c.json && cqc resume feature-store --chain c.json"),
        (["deadletter"], "wait a few seconds: `cqc up` starts deadletter again, and says why if it can't"),
        (["pubsub"], "cqc restart pubsub --chain c.json"),
        (["pubsub", "firestore"], RESTART),
    ],
)
def test_a_paused_part_is_resumed_and_one_that_is_being_started_again_is_waited_for(
    parts: list[str], fix: str
) -> None:
    assert Parts(STATES, FORGETS, ["--chain", "c.json"]).fix(*parts) == fix


def test_a_check_that_a_paused_service_holds_up_is_fixed_by_resuming_it() -> None:
    found = Parts(STATES, FORGETS, []).unanswered()
    assert {check for check, fix in found.items() if fix.startswith("cqc resume bigquery")} == {
        *("BigQuery", "flush", "flow", "probe")
    }
    assert found["Pub/Sub"] == "cqc restart pubsub"
    assert Parts({}, {}, []).unanswered()["flow"] == RESTART, "nothing is known of the processes"


def test_a_restart_that_loses_data_says_so() -> None:
    running = dict.fromkeys(STATES, Condition.RUNNING)
    assert Parts(running, FORGETS, []).fix("bigquery") == (
        "cqc restart bigquery (it comes back without its data: cqc up --keep keeps it)"
    )


def test_what_is_down_is_a_finding_also_where_nothing_else_looks_at_it() -> None:
    found = Parts(STATES, FORGETS, []).down()
    assert {check: finding.verdict for check, finding in found.items()} == dict.fromkeys(
        ["part bigquery", "part feature-store", "function deadletter"], Verdict.WRONG
    )
    assert found["part feature-store"].detail.startswith("it is paused")
    assert found["part feature-store"].fix == "cqc resume feature-store"


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as sleeping:
        yield sleeping
        sleeping.kill()


def chain_of(pid: int | None, **parts: int) -> ChainFile:
    return ChainFile(**address(PORTS).model_dump(), pid=pid, parts=parts)


def test_a_part_is_running_paused_or_ended_by_its_process(process: subprocess.Popen[bytes]) -> None:
    chain = chain_of(os.getpid(), parse=process.pid)
    assert conditions(chain)["parse"] is Condition.RUNNING
    process.send_signal(signal.SIGSTOP)
    until(lambda: conditions(chain)["parse"], "the pause", lambda found: found is Condition.PAUSED)
    assert conditions(chain)["features"] is Condition.ENDED
    assert conditions(chain_of(1, parse=process.pid))["parse"] is Condition.ENDED, "it is not the chain's"


def test_of_an_address_without_processes_nothing_is_known() -> None:
    assert parts_of(chain_of(None), []).down() == {} == parts_of(address(PORTS), []).down()
