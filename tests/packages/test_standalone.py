"""What is deployed starts alone, with only its requirements, and does its work."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.packages.conftest import Served, push, python_of, start, unpacked, wait_until_served
from tools.generate.package import build
from tools.local.chain import Chain
from tools.pipeline.warehouse import Warehouse

# Makes one environment per function, from the package index: run by `nox -s package`, not by default.
pytestmark = [pytest.mark.packages, pytest.mark.timeout(300)]

NOW = datetime.now(UTC).isoformat()
RAW = {
    "event_id": "package-parse",
    "location_id": "1-466088203",
    "event_type": "rating_change",
    "timestamp": NOW,
    "metrics": {"previous_rating": "Good", "new_rating": "Outstanding"},
}
PARSED = {
    "event_id": "package-features",
    "location_id": "1-466088203",
    "event_type": "rating_change",
    "event_timestamp": NOW,
    "publish_timestamp": NOW,
    "processing_timestamp": NOW,
    "pipeline_version": "test",
    "metrics": {"previous_rating": "Good", "new_rating": "Outstanding"},
}


@contextmanager
def served(name: str, chain: Chain, folder: Path) -> Iterator[Served]:
    """The function, from its package."""
    address = chain.address
    settings = {
        "PROJECT_ID": address.project,
        "DATASET": address.dataset,
        "FEATURE_VIEW": address.feature_view,
        **address.emulator_variables(),
    }
    code = unpacked(build(name, folder), folder)
    process, function = start(name, code, python_of(code, folder), settings)
    try:
        wait_until_served(process, function)
        yield function
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def count(warehouse: Warehouse, table: str, condition: str) -> object:
    return warehouse.query(f"SELECT COUNT(*) FROM {table} WHERE {condition}").rows[0][0]


def test_parse_publishes_an_event(chain: Chain, tmp_path: Path) -> None:
    with served("parse", chain, tmp_path) as parse:
        assert parse.post(push(RAW)).status == 204


def test_features_writes_a_row(chain: Chain, warehouse: Warehouse, tmp_path: Path) -> None:
    with served("features", chain, tmp_path) as features:
        assert features.post(push(PARSED)).status == 204
    assert count(warehouse, "realtime_features", "event_id = 'package-features'") == 1


def test_aggregate_flushes(chain: Chain, tmp_path: Path) -> None:
    with served("aggregate", chain, tmp_path) as aggregate:
        answer = aggregate.post(b"{}")
    assert answer.status == 200
    assert json.loads(answer.body)["status"] == "done"


def test_deadletter_records_what_pubsub_gave_up(chain: Chain, warehouse: Warehouse, tmp_path: Path) -> None:
    with served("deadletter", chain, tmp_path) as deadletter:
        assert deadletter.post(push(RAW | {"event_id": "package-deadletter"})).status == 204
    assert count(warehouse, "streaming_errors", "event_id = 'package-deadletter'") == 1
