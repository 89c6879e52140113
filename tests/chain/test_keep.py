"""`cqc up --keep`: the data outlives a stop, and the crash of any stand-in."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.polling import until
from tests.support.up import Up, run_cqc, running_up
from tools.demo.reconciliation import Ledger, duplicates, reconcile
from tools.pipeline.address import DRIVERS
from tools.pipeline.connect import connect_warehouse
from tools.sampling.mix import Recipe, sample

# Each starts a chain or two, and waits out Pub/Sub's backoffs.
pytestmark = [pytest.mark.outages, pytest.mark.timeout(300)]

ALONE = "1-999999999"
"""A location with one event."""


def lines_of(count: int, seed: int) -> list[bytes]:
    return sample(Recipe(count, bad=0.05, duplicates=0.05), seed=seed, now=datetime.now(UTC))


def publish(up: Up, lines: list[bytes]) -> None:
    answer = up.cqc("publish", "-", stdin=b"\n".join(lines))
    assert answer.returncode == 0, answer.stderr


def ledger_of(up: Up, lines: list[bytes]) -> Ledger:
    return reconcile(connect_warehouse(up.chain), len(lines), duplicates(lines))


def until_it_adds_up(up: Up, lines: list[bytes]) -> None:
    until(lambda: ledger_of(up, lines), "all to be counted", lambda ledger: ledger.adds_up)


def served(up: Up) -> dict[str, object]:
    features: dict[str, object] = json.loads(up.cqc("features", ALONE, "--json").stdout)["features"]
    return features


@pytest.mark.parametrize(("before", "after"), [("push", "push"), ("push", "pull"), ("pull", "push")])
def test_a_stop_and_a_start_lose_nothing_also_with_another_driver(
    tmp_path: Path, before: str, after: str
) -> None:
    alone = {"location_id": ALONE, "event_type": "rating_change", "metrics": {}, "event_id": "alone"}
    line = json.dumps(alone | {"timestamp": datetime.now(UTC).isoformat()}).encode()
    first, second = [line, *lines_of(300, seed=1)], lines_of(200, seed=2)
    # Without a flush: the windows of what has come in are open, their log unread.
    with running_up(tmp_path, "--driver", before, "--keep", "--flush-every", "600") as up:
        publish(up, first)
        until(lambda: ledger_of(up, first), "all to arrive", lambda ledger: ledger.arrived)
        online = served(up)
        assert up.cqc("pause", "features").returncode == 0
        publish(up, second)  # they wait in Pub/Sub
        assert not ledger_of(up, first).folded
        assert up.stop() == (0, "")

    with running_up(tmp_path, "--driver", after, "--keep", "--flush-every", "0.5") as up:
        up.until_it_says("The data is kept in .cqc/data")
        assert online.items() <= served(up).items(), "the flush may have added the window's"
        until_it_adds_up(up, first + second)
        again = lines_of(50, seed=3)
        publish(up, again)
        until_it_adds_up(up, first + second + again)


@pytest.mark.parametrize("driver", DRIVERS)
def test_stand_ins_that_are_killed_while_events_flow_come_back_with_their_data(
    tmp_path: Path, driver: str
) -> None:
    lines: list[bytes] = []
    with running_up(tmp_path, "--driver", driver, "--keep", "--flush-every", "0.5") as up:
        for seed, part in enumerate(("firestore", "bigquery", "feature-store", "pubsub")):
            more = lines_of(150, seed)
            publish(up, more)
            lines += more
            killed = up.cqc("kill", part)
            assert killed.returncode == 0, killed.stderr
        until_it_adds_up(up, lines)
        assert "without its data" not in up.said


def test_the_emulators_keep_nothing(tmp_path: Path) -> None:
    answer = run_cqc(tmp_path, "up", "--keep", "--parts", "emulators")
    assert answer.returncode == 2
    assert b"--keep keeps the data of the stand-ins" in answer.stderr
