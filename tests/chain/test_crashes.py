"""Parts of a running chain are killed, restarted and paused: `cqc up` replaces them, and no event is lost."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.delivery.batching import PULLED
from tests.support.polling import PATIENCE, until
from tests.support.up import Up, is_running, running_up
from tools.demo.reconciliation import Ledger, duplicates, reconcile
from tools.pipeline.address import DRIVERS
from tools.pipeline.connect import connect_warehouse
from tools.pipeline.warehouse import Warehouse
from tools.sampling.mix import Recipe, sample

pytestmark = [pytest.mark.outages, pytest.mark.timeout(300)]

LEASE = 75 + PATIENCE
"""Seconds until what a process held that was killed has come again, by the pull driver."""
OUTSTANDING = 2 * PULLED.max_items


@pytest.fixture(scope="module", params=DRIVERS)
def up(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("crashes")
    with running_up(folder, "--driver", request.param, "--flush-every", "0.5") as started:
        yield started


def are_others(parts: Mapping[str, int], before: Mapping[str, int]) -> bool:
    return parts.keys() == before.keys() and not parts.items() & before.items()


def until_row(warehouse: Warehouse, sql: str) -> None:
    until(lambda: warehouse.query(sql).rows, f"a row of {sql}")


def test_events_that_flow_while_features_is_killed_all_arrive_once(up: Up) -> None:
    lines = sample(Recipe(900, bad=0.02, duplicates=0.05), seed=3, now=datetime.now(UTC))
    before = up.chain.parts["features"]
    published: list[subprocess.CompletedProcess[bytes]] = []
    publishing = threading.Thread(
        target=lambda: published.append(up.cqc("publish", "-", "--rate", "300", stdin=b"\n".join(lines)))
    )
    publishing.start()
    warehouse = connect_warehouse(up.chain)
    until_row(warehouse, "SELECT event_id FROM realtime_features LIMIT 1")

    killed = up.cqc("kill", "features")

    publishing.join()
    assert published[0].returncode == 0, published[0].stderr
    after = up.chain.parts["features"]
    assert killed.returncode == 0, killed.stderr
    assert killed.stdout.decode().startswith("features was killed and is back after ")
    assert killed.stdout.decode().endswith(f" s, as process {after} instead of {before}.\n")
    assert (is_running(before), is_running(after)) == (False, True)

    def ledger() -> Ledger:
        return reconcile(warehouse, len(lines), duplicates(lines))

    until(ledger, "all to be counted", lambda ledger: ledger.adds_up, LEASE)
    rows = int(str(warehouse.query("SELECT COUNT(*) FROM realtime_features").rows[0][0]))
    assert rows - ledger().unique_features - duplicates(lines) <= OUTSTANDING
    up.until_it_says("features was ended by SIGKILL: starting it again")
    assert re.search(r"features is back after \d", up.said)


def test_a_restart_lets_the_part_finish(up: Up) -> None:
    answer = up.cqc("restart", "parse")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.decode().startswith("parse has ended and is back after ")
    up.until_it_says("parse ended with exit code 0: starting it again")


def test_a_paused_part_answers_nothing_until_it_goes_on(up: Up) -> None:
    assert up.cqc("pause", "feature-store").returncode == 0
    silent = up.cqc("features", "1-466088203", "--timeout", "1")
    assert (silent.returncode, b"did not answer" in silent.stderr) == (2, True), silent.stderr
    doctor = up.cqc("doctor")
    assert doctor.returncode == 1
    assert b"\npart feature-store: cqc resume feature-store\n" in doctor.stdout
    assert up.cqc("resume", "feature-store").returncode == 0
    assert b"has no values" in up.cqc("features", "1-000000000").stderr


def test_a_pause_for_some_seconds_ends_by_itself(up: Up) -> None:
    answer = up.cqc("pause", "feature-store", "--for", "0.1")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.decode().endswith("feature-store goes on.\n")
    assert b"has no values" in up.cqc("features", "1-000000000", "--timeout", "20").stderr


def test_a_part_that_is_not_there_is_refused_with_those_that_are(up: Up) -> None:
    answer = up.cqc("kill", "bigtable")
    assert answer.returncode == 2
    assert b"there is no part bigtable: choose one of pubsub, firestore, bigquery" in answer.stderr


def test_a_process_that_is_not_the_chains_gets_no_signal(up: Up, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        try:
            stale = up.chain.model_copy(update={"parts": {"parse": stranger.pid}})
            (tmp_path / "stale.json").write_text(stale.to_json())
            answer = up.cqc("kill", "parse", "--chain", str(tmp_path / "stale.json"))
            assert (answer.returncode, b"ended just now" in answer.stderr) == (2, True), answer.stderr
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.parametrize("part", ["pubsub", "bigquery", "firestore"])
def test_a_stand_in_that_was_killed_comes_back_empty_and_works(up: Up, part: str) -> None:
    killed = up.cqc("kill", part)
    assert killed.returncode == 0, killed.stderr
    assert killed.stdout.endswith(b", without its data: cqc up --keep keeps it.\n")
    up.until_it_says(f"{part} is back after")
    up.until_it_says("without its data: cqc up --keep keeps it")
    event = {
        "event_id": f"after-{part}",
        "location_id": "1-1",
        "event_type": "rating_change",
        "timestamp": datetime.now(UTC).isoformat(),
        "metrics": {},
    }
    assert up.cqc("publish", "-", stdin=json.dumps(event).encode()).returncode == 0
    warehouse = connect_warehouse(up.chain)
    sql = f"SELECT event_id FROM realtime_features WHERE event_id = 'after-{part}'"
    until_row(warehouse, sql)


def test_all_parts_that_are_killed_at_once_come_back(up: Up) -> None:
    before = up.chain.parts
    for pid in before.values():
        os.killpg(pid, signal.SIGKILL)
    until(lambda: up.chain.parts, "all parts to be back", lambda parts: are_others(parts, before))
    answer = up.cqc("doctor")
    assert answer.returncode == 0, answer.stdout.decode()


def test_a_chain_whose_part_keeps_crashing_gives_up_with_the_end_of_its_log(tmp_path: Path) -> None:
    with running_up(tmp_path) as up:

        def kill_again() -> bool:
            for command, pid in up.parts().items():
                if "standins.firestore" in command:
                    os.kill(pid, signal.SIGKILL)
            return up.process.poll() is not None

        until(kill_again, "the chain to give up")
        code, errors = up.end()
        assert code == 2, errors
        assert "firestore was ended by SIGKILL, now 5 times in a row: the chain gives up" in errors
        assert "listening on" in errors, "the end of its log"
        assert "Traceback" not in errors
        assert up.parts() == {}
        assert not up.chain_file.exists()
