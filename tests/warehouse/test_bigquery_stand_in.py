"""bqemulator as we start it: concurrent appends and queries, a clean exit, a taken port, a restart."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, AppendRowsResponse, StorageError
from google.rpc.status_pb2 import Status

from shared.errors import Retry
from shared.gcp.bigquery import TableAppender
from shared.tables.columns import STREAMING_ERRORS, Row
from shared.tables.rows import descriptor, encode
from tools.pipeline.warehouse import Warehouse, WarehouseError
from tools.standins.bigquery.server import serve

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
COMMAND = [sys.executable, "-m", "tools.standins.bigquery"]


def error_rows(first: int, count: int) -> list[bytes]:
    return [
        encode(STREAMING_ERRORS, {"event_id": f"event-{number}", "error_timestamp": NOW})
        for number in range(first, first + count)
    ]


@pytest.mark.timeout(60)
async def test_20_000_rows_arrive_while_queries_run(warehouse: Warehouse, dataset: str) -> None:
    """bqemulator as released hangs here within seconds."""
    appender = TableAppender("project", dataset, STREAMING_ERRORS)
    counts: list[object] = []

    async def count_on() -> None:
        while True:
            result = await asyncio.to_thread(warehouse.query, "SELECT COUNT(*) FROM streaming_errors")
            counts.append(result.rows[0][0])

    counting = asyncio.create_task(count_on())
    async with asyncio.timeout(40):
        for first in range(0, 20_000, 500):
            assert await appender.append(error_rows(first, 500)) == [None] * 500
    counting.cancel()
    await asyncio.wait([counting])
    await appender.close()
    result = await asyncio.to_thread(warehouse.query, "SELECT COUNT(DISTINCT event_id) FROM streaming_errors")
    assert result.rows == [(20_000,)]
    assert len(counts) > 3, "queries ran meanwhile"


async def test_an_appender_outlives_a_restart_of_bigquery(monkeypatch: pytest.MonkeyPatch) -> None:
    appender = TableAppender("project", "restarted", STREAMING_ERRORS)
    rest_port = grpc_port = 0
    for number in range(2):
        async with serve(rest_port, grpc_port) as endpoints:
            rest_port, grpc_port = (
                int(at.rsplit(":", 1)[1]) for at in (endpoints.rest, endpoints.storage_write)
            )
            monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", endpoints.rest)
            monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", endpoints.storage_write)
            warehouse = Warehouse("project", "restarted")
            await asyncio.to_thread(warehouse.create)
            assert await appender.append(error_rows(number, 1)) == [None]
            result = await asyncio.to_thread(warehouse.query, "SELECT event_id FROM streaming_errors")
            assert result.rows == [(f"event-{number}",)]
    await appender.close()


async def test_it_exits_at_once_on_sigterm_while_an_appender_is_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--rest-port=0", "--grpc-port=0", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    words = (await process.stdout.readline()).decode().split()
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", words[-3])
    monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", words[-1])
    await asyncio.to_thread(Warehouse("project", "ended").create)
    appender = TableAppender("project", "ended", STREAMING_ERRORS)
    assert await appender.append(error_rows(0, 1)) == [None]
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await process.communicate() == (b"", b"")
    assert process.returncode == 0
    await appender.close()


@pytest.mark.parametrize("option", ["--rest-port", "--grpc-port"])
def test_a_taken_port_is_reported_in_one_sentence(option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = {"--rest-port": "0", "--grpc-port": "0"} | {option: str(port)}
        ended = subprocess.run(
            [*COMMAND, *(word for pair in arguments.items() for word in pair)], capture_output=True, text=True
        )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"bigquery stand-in: cannot listen on 127.0.0.1:{port}")
    assert ended.stderr.count("\n") == 1


def test_it_leaves_nothing_behind_when_it_is_killed(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [*COMMAND, "--rest-port=0", "--grpc-port=0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"bigquery: listening")
        process.kill()
    assert list(tmp_path.iterdir()) == []


def test_data_that_cannot_be_read_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bqemulator.duckdb").write_text("something else" * 1_000)
    ports = ("--rest-port=0", "--grpc-port=0")
    ended = subprocess.run([*COMMAND, *ports, f"--data={tmp_path}"], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"the data in {tmp_path} can't be used (")
    assert ended.stderr.endswith("delete it to begin without, or name another\n")
    assert "Traceback" not in ended.stderr


async def test_a_warehouse_on_disk_comes_back_with_its_rows_views_and_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    between = "`project.kept.realtime_features_between`(TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-02')"
    for number in range(2):
        async with serve(data=tmp_path) as endpoints:
            monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", endpoints.rest)
            monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", endpoints.storage_write)
            warehouse = Warehouse("project", "kept")
            await asyncio.to_thread(warehouse.create)
            appender = TableAppender("project", "kept", STREAMING_ERRORS)
            assert await appender.append(error_rows(number, 1)) == [None]
            await appender.close()
            found = await asyncio.to_thread(warehouse.query, "SELECT event_id FROM streaming_errors_unique")
            assert {row[0] for row in found.rows} == {f"event-{each}" for each in range(number + 1)}
            assert (await asyncio.to_thread(warehouse.query, f"SELECT * FROM {between}")).rows == []


def test_a_refused_query_is_reported_in_one_sentence(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r'^BigQuery refused the query in project\.\w+: .*"nope"[^\n]*$'):
        warehouse.query("SELECT nope FROM realtime_features")


def test_an_unreachable_bigquery_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1")
    with pytest.raises(WarehouseError, match=r"^BigQuery gave no answer|^BigQuery can't be reached"):
        Warehouse("project", "dataset").query("SELECT 1")


async def test_a_column_that_the_table_lacks_is_refused_until_the_table_has_it(
    warehouse: Warehouse, dataset: str
) -> None:
    appender = TableAppender("project", dataset, STREAMING_ERRORS)
    assert await appender.append(error_rows(0, 1)) == [None]
    await asyncio.to_thread(warehouse.query, "ALTER TABLE streaming_errors DROP COLUMN stage")
    for _ in range(2):  # over the open connection, and over a new one
        with pytest.raises(Retry, match=r"extra fields: 'stage'.*: deploy the table's schema before"):
            await appender.append(error_rows(1, 1))
    await asyncio.to_thread(warehouse.query, "ALTER TABLE streaming_errors ADD COLUMN stage STRING")
    assert await appender.append(error_rows(2, 1)) == [None]
    await appender.close()


def test_the_refusal_of_an_unknown_column_is_bigquerys(
    stand_in: tuple[str, str], warehouse: Warehouse, dataset: str
) -> None:
    warehouse.query("ALTER TABLE streaming_errors DROP COLUMN stage")
    stream = f"projects/project/datasets/{dataset}/tables/streaming_errors/streams/_default"
    request = AppendRowsRequest(write_stream=stream)
    request.proto_rows.writer_schema.proto_descriptor = descriptor(STREAMING_ERRORS)
    request.proto_rows.rows.serialized_rows = error_rows(0, 1)
    with grpc.insecure_channel(stand_in[1]) as channel:
        append = channel.stream_stream(
            "/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows",
            request_serializer=AppendRowsRequest.serialize,
            response_deserializer=AppendRowsResponse.deserialize,
        )
        call = append(iter([request]))
        with pytest.raises(grpc.RpcError):
            next(call)
    status = Status.FromString(dict(call.trailing_metadata())["grpc-status-details-bin"])
    reason = StorageError.pb()()
    assert status.details[0].Unpack(reason)
    assert (call.code(), call.details()) == (grpc.StatusCode.INVALID_ARGUMENT, status.message)
    assert reason.code == StorageError.StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS


async def test_values_find_their_column_by_name_after_it_was_dropped_and_added_again(
    warehouse: Warehouse, dataset: str
) -> None:
    appender = TableAppender("project", dataset, STREAMING_ERRORS)
    assert await appender.append(error_rows(0, 1)) == [None]
    for change in ("DROP COLUMN stage", "ADD COLUMN stage STRING"):
        await asyncio.to_thread(warehouse.query, f"ALTER TABLE streaming_errors {change}")
    row: Row = {"event_id": "later", "stage": "parse", "location_id": "1-1", "error_timestamp": NOW}
    assert await appender.append([encode(STREAMING_ERRORS, row)]) == [None]
    await appender.close()
    sql = "SELECT event_id, stage, location_id, error_timestamp FROM streaming_errors ORDER BY event_id"
    found = await asyncio.to_thread(warehouse.query, sql)
    assert found.records() == [
        {"event_id": "event-0", "stage": None, "location_id": None, "error_timestamp": NOW},
        row,
    ]


def test_a_table_is_described_as_its_columns_are_now(warehouse: Warehouse) -> None:
    before = warehouse.describe("streaming_errors")
    assert before is not None
    warehouse.query("ALTER TABLE streaming_errors DROP COLUMN stage")
    warehouse.query("ALTER TABLE streaming_errors ADD COLUMN extra INT64")
    after = warehouse.describe("streaming_errors")
    assert after is not None
    kept = {name: column for name, column in before.columns.items() if name != "stage"}
    assert after.columns == kept | {"extra": ("INTEGER", "NULLABLE")}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("streaming_errors", "stage"),
        ("realtime_features", "areas_assessed"),
        ("realtime_features_aggregated", "aggregated_features"),
    ],
)
def test_a_column_that_a_kept_table_lacks_is_added(warehouse: Warehouse, table: str, column: str) -> None:
    before = warehouse.describe(table)
    warehouse.query(f"ALTER TABLE {table} DROP COLUMN {column}")
    warehouse.create()
    after = warehouse.describe(table)
    assert before is not None
    assert after is not None
    assert after.columns == before.columns
    warehouse.query(f"SELECT * FROM {table}")
