"""The pull driver under load: what its ends and its services' outages leave behind, to the row."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from shared.delivery.batching import PULLED
from shared.topology import SUBSCRIPTIONS
from tests.support.polling import PATIENCE, until
from tests.support.up import Up, is_running, running_up
from tools.health.local import by_name
from tools.pipeline.connect import connect_warehouse
from tools.pipeline.pubsub_state import NO_ANSWER, PULL_AGAIN, PULL_DONE, SubscriptionState, read_state
from tools.pipeline.warehouse import Warehouse

pytestmark = [pytest.mark.outages, pytest.mark.timeout(300)]

RATE = 300
OUTSTANDING = 2 * PULLED.max_items
LEASE = 75 + PATIENCE
"""Seconds until what was on its way to a process that ended has come again."""
GRACE = 10.0
"""Seconds from SIGTERM until Cloud Run kills."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("pulling")
    with running_up(folder, "--driver", "pull", "--flush-every", "0.5") as started:
        yield started


@pytest.fixture
def warehouse(up: Up) -> Warehouse:
    return connect_warehouse(up.chain)


def rows(warehouse: Warehouse, name: str) -> tuple[int, int]:
    """All of the test's rows, and its events that have one."""
    sql = (
        "SELECT COUNT(*), COUNT(DISTINCT event_id) FROM realtime_features WHERE STARTS_WITH(event_id, @name)"
    )
    ((all_rows, events),) = warehouse.query(sql, name=name).rows
    return int(str(all_rows)), int(str(events))


def windows_add_up(warehouse: Warehouse) -> bool:
    """Whether each event with a row is counted once."""
    sql = """
    SELECT (SELECT COUNT(DISTINCT event_id) FROM realtime_features),
      (SELECT COALESCE(SUM(window_event_count), 0) FROM realtime_features_aggregated_latest)
    """
    ((events, counted),) = warehouse.query(sql).rows
    return events == counted


def until_all_arrived(warehouse: Warehouse, name: str, count: int, patience: float = PATIENCE) -> None:
    until(lambda: rows(warehouse, name), f"{count} events", lambda seen: seen[1] == count, patience)
    until(lambda: windows_add_up(warehouse), "the windows to count them")


def lines_of(name: str, count: int) -> list[bytes]:
    event = {"location_id": "1-1", "event_type": "rating_change", "metrics": {}}
    event |= {"timestamp": datetime.now(UTC).isoformat()}
    return [orjson.dumps(event | {"event_id": f"{name}-{number}"}) for number in range(count)]


def features_subscription(up: Up) -> SubscriptionState:
    state = read_state(up.chain.pubsub)
    assert state is not None
    return by_name(state)[SUBSCRIPTIONS["features"]]


def settled(up: Up, how: int, before: Mapping[int, int]) -> int:
    """Deliveries to `features` that ended so, but for those before."""
    return features_subscription(up).answered.get(how, 0) - before.get(how, 0)


@contextmanager
def flowing(up: Up, warehouse: Warehouse, name: str, count: int) -> Iterator[None]:
    """Inside, so many events flow, RATE a second, and some have arrived; after it all are published."""
    event = {
        "location_id": "1-1",
        "event_type": "rating_change",
        "metrics": {},
        "timestamp": datetime.now(UTC),
    }
    lines = b"\n".join(orjson.dumps(event | {"event_id": f"{name}-{number}"}) for number in range(count))
    codes: list[int] = []
    publishing = threading.Thread(
        target=lambda: codes.append(up.cqc("publish", "-", "--rate", str(RATE), stdin=lines).returncode)
    )
    publishing.start()
    try:
        until(lambda: rows(warehouse, name)[1], "the first event")
        yield
    finally:
        publishing.join()
    assert codes == [0]


def test_people_are_told_what_a_function_pulls_from(up: Up) -> None:
    up.until_it_says("pulls from dashboard-events-parse ")
    answer = up.cqc("doctor")
    assert answer.returncode == 0, answer.stdout.decode()
    said = " ".join(answer.stdout.decode().split())
    assert "function features pulls from dashboard-events-parsed-features; it runs the code" in said


def test_in_an_outage_of_bigquery_messages_are_given_back_before_their_leases_run_out(
    up: Up, warehouse: Warehouse
) -> None:
    """It lasts until a try of an append is over, so they come again after a backoff."""
    count, before = 900, features_subscription(up).answered
    with flowing(up, warehouse, "frozen", count):
        assert up.cqc("pause", "bigquery").returncode == 0
        try:
            until(lambda: settled(up, PULL_AGAIN, before), "messages to be given back")
        finally:
            assert up.cqc("resume", "bigquery").returncode == 0
    until_all_arrived(warehouse, "frozen", count, 2 * PATIENCE)
    assert settled(up, PULL_DONE, before) == count
    assert settled(up, NO_ANSWER, before) == 0


@pytest.mark.parametrize("part", ["parse", "features"])
def test_sigterm_under_load_leaves_nothing_that_comes_again(up: Up, warehouse: Warehouse, part: str) -> None:
    """What is done is acknowledged before the process ends, and the rest is given back untouched."""
    count, name = 1_200, f"term-{part}"
    with flowing(up, warehouse, name, count):
        pid, began = up.chain.parts[part], time.monotonic()
        os.kill(pid, signal.SIGTERM)
        until(lambda: not is_running(pid), f"{part} to end")
        assert time.monotonic() - began < GRACE
    until_all_arrived(warehouse, name, count, LEASE)
    assert rows(warehouse, name) == (count, count)
    up.until_it_says(f"{part} ended with exit code 0")


def test_what_a_killed_function_held_comes_to_the_next_one_when_its_leases_run_out(
    up: Up, warehouse: Warehouse
) -> None:
    count = OUTSTANDING + 100
    before = features_subscription(up).answered
    assert up.cqc("pause", "bigquery").returncode == 0
    try:
        assert up.cqc("publish", "-", stdin=b"\n".join(lines_of("kill", count))).returncode == 0
        until(lambda: features_subscription(up), "the backlog", lambda seen: seen.undelivered == count)
        assert up.cqc("kill", "features").returncode == 0
    finally:
        up.cqc("resume", "bigquery")
    until_all_arrived(warehouse, "kill", count, LEASE)
    assert 0 < settled(up, NO_ANSWER, before) <= OUTSTANDING


def test_an_event_that_is_given_back_is_explained_with_the_reason(up: Up, warehouse: Warehouse) -> None:
    def said(*arguments: str) -> str:
        return " ".join(up.cqc(*arguments).stdout.decode().split())

    warehouse.query("ALTER TABLE realtime_features DROP COLUMN real_time_risk_score")
    try:
        assert up.cqc("publish", "-", stdin=b"\n".join(lines_of("back", 3))).returncode == 0
        until(
            lambda: said("explain", "back-1"),
            "it to be given back",
            lambda text: "and features gave delivery" in text,
        )
        explained, status, doctor = said("explain", "back-1"), said("status"), said("doctor")
    finally:
        warehouse.query("ALTER TABLE realtime_features ADD COLUMN real_time_risk_score FLOAT64")
    assert "deploy the table's schema before the function that writes its columns" in explained
    assert "given back ×" in status
    assert "the last reason in its log: BigQuery" in doctor
    until_all_arrived(warehouse, "back", 3)


def test_a_chain_that_stops_has_acknowledged_what_it_has_done(tmp_path: Path) -> None:
    """Pub/Sub ends after the functions that pull: else each logs that its last word did not arrive."""
    with running_up(tmp_path, "--driver", "pull", "--flush-every", "600") as up:
        assert up.cqc("publish", "-", stdin=b"\n".join(lines_of("stop", 50))).returncode == 0
        features = tmp_path / ".cqc" / "logs" / "features.log"
        probe = up.cqc("doctor", "--probe")
        assert probe.returncode == 0, probe.stdout.decode() + features.read_text()
        assert up.stop() == (0, "")
    logs = {log.name: log.read_text() for log in features.parent.glob("*.log")}
    assert [name for name, text in logs.items() if '"severity":"ERROR"' in text] == []
