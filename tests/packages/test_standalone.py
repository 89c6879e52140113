"""What is deployed starts alone, with only its requirements, and does its work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from tests.entrypoints.alone import serving, unpacked
from tests.entrypoints.deliveries import parsed, push, raw
from tests.entrypoints.server import Server
from tests.packages.conftest import python_of
from tools.local.chain import Chain
from tools.pipeline.warehouse import Warehouse

# Makes one environment per function, from the package index: run by `nox -s package`, not by default.
pytestmark = [pytest.mark.packages, pytest.mark.timeout(300)]


@contextmanager
def served(name: str, chain: Chain, folder: Path) -> Iterator[Server]:
    """The function, from its package."""
    address = chain.address
    code = unpacked(name, folder)
    environment = {
        "PATH": os.defpath,
        "HOME": str(code),
        "PROJECT_ID": address.project,
        "DATASET": address.dataset,
        "FEATURE_VIEW": address.feature_view,
        **address.emulator_variables(),
    }
    with serving(name, code, environment, python_of(code, folder)) as server:
        yield server


def count(warehouse: Warehouse, table: str, condition: str) -> object:
    return warehouse.query(f"SELECT COUNT(*) FROM {table} WHERE {condition}").rows[0][0]


def test_parse_publishes_an_event(chain: Chain, tmp_path: Path) -> None:
    with served("parse", chain, tmp_path) as parse:
        assert parse.post(push(orjson.dumps(raw("package-parse")), "1")).status == 204


def test_features_writes_a_row(chain: Chain, warehouse: Warehouse, tmp_path: Path) -> None:
    with served("features", chain, tmp_path) as features:
        assert features.post(push(orjson.dumps(parsed("package-features")), "1")).status == 204
    assert count(warehouse, "realtime_features", "event_id = 'package-features'") == 1


def test_aggregate_flushes(chain: Chain, tmp_path: Path) -> None:
    with served("aggregate", chain, tmp_path) as aggregate:
        answer = aggregate.post(b"{}")
    assert answer.status == 200
    assert orjson.loads(answer.text)["status"] == "done"


def test_deadletter_records_what_pubsub_gave_up(chain: Chain, warehouse: Warehouse, tmp_path: Path) -> None:
    with served("deadletter", chain, tmp_path) as deadletter:
        assert deadletter.post(push(orjson.dumps(raw("package-deadletter")), "1")).status == 204
    assert count(warehouse, "streaming_errors", "event_id = 'package-deadletter'") == 1
