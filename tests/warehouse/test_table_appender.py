"""TableAppender over the real protocol, against a server that misbehaves as BigQuery may."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from google.cloud.bigquery_storage_v1.types import AppendRowsResponse, RowError, StorageError
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from shared.errors import ErrorType, Reject, Retry
from shared.gcp.bigquery import MAX_REQUEST_BYTES, TableAppender, table_sink
from shared.tables.columns import Column, Table
from shared.tables.rows import encode
from tests.warehouse.conftest import Abort, Stall, WriteServer, refusal

LETTERS = Table(
    name="letters",
    description="One letter a row.",
    columns=(
        Column("letter", "STRING", "A letter.", mode="REQUIRED"),
        Column("ballast", "BYTES", "What makes a row large."),
    ),
    partition_by="letter",
    cluster_by=(),
)


def rows_of(letters: str, ballast: int = 0) -> list[bytes]:
    return [encode(LETTERS, {"letter": letter, "ballast": b"-" * ballast}) for letter in letters]


def letters_in(rows: list[Message]) -> str:
    return "".join(row.letter for row in rows)  # type: ignore[attr-defined]


@pytest.fixture
async def appender(write_server: WriteServer) -> AsyncIterator[TableAppender]:
    assert write_server.endpoint, "listening before the first append"
    appender = TableAppender("p", "d", LETTERS, deadline=5.0)
    yield appender
    await appender.close()


async def test_rows_arrive_in_order_over_one_connection(
    appender: TableAppender, write_server: WriteServer
) -> None:
    assert await appender.append(rows_of("ab")) == [None, None]
    assert await appender.append(rows_of("c")) == [None]
    assert letters_in(write_server.rows) == "abc"
    assert write_server.connections == 1


async def test_no_rows_send_nothing(appender: TableAppender, write_server: WriteServer) -> None:
    assert await appender.append([]) == []
    assert write_server.connections == 0


async def test_concurrent_appends_share_one_connection(
    appender: TableAppender, write_server: WriteServer
) -> None:
    outcomes = await asyncio.gather(*(appender.append(rows_of(letter)) for letter in "abcdef"))
    assert outcomes == [[None]] * 6
    assert sorted(letters_in(write_server.rows)) == list("abcdef")
    assert write_server.connections == 1


async def test_rows_named_in_row_errors_are_rejected_and_the_rest_is_sent_again(
    appender: TableAppender, write_server: WriteServer
) -> None:
    def names_the_first_bad_row(rows: list[Message]) -> AppendRowsResponse | None:
        """Like a truncated list of errors: the second bad row is only named the next time."""
        for index, letter in enumerate(letters_in(rows)):
            if letter in "xy":
                error = RowError(index=index, code="FIELDS_ERROR", message=f"{letter} is no good")
                beyond = RowError(index=len(rows), code="FIELDS_ERROR", message="of no row of this request")
                errors = [error, beyond]
                return refusal(grpc.StatusCode.INVALID_ARGUMENT, "Errors found in rows", row_errors=errors)
        return None

    write_server.check_rows = names_the_first_bad_row
    outcomes = await appender.append(rows_of("axbyc"))
    assert [str(outcome) for outcome in outcomes if outcome] == [
        "BigQuery refused the row for p.d.letters: x is no good",
        "BigQuery refused the row for p.d.letters: y is no good",
    ]
    assert [isinstance(outcome, Reject) for outcome in outcomes] == [False, True, False, True, False]
    assert letters_in(write_server.rows) == "abc"
    assert write_server.requests == [5, 4, 3]


async def test_a_bad_row_that_is_not_named_is_found_by_halving(
    appender: TableAppender, write_server: WriteServer
) -> None:
    write_server.check_rows = lambda rows: (
        refusal(grpc.StatusCode.INVALID_ARGUMENT, "cannot parse a row") if "x" in letters_in(rows) else None
    )
    outcomes = await appender.append(rows_of("abcdexfg"))
    rejected = [outcome for outcome in outcomes if outcome]
    assert outcomes.index(rejected[0]) == 5
    assert len(rejected) == 1
    assert rejected[0].error_type is ErrorType.SINK_REJECTED
    assert sorted(letters_in(write_server.rows)) == list("abcdefg")


async def test_a_row_larger_than_a_request_is_rejected_alone(
    appender: TableAppender, write_server: WriteServer
) -> None:
    outcomes = await appender.append(rows_of("x", ballast=MAX_REQUEST_BYTES) + rows_of("a"))
    assert isinstance(outcomes[0], Reject)
    assert outcomes[1] is None
    assert letters_in(write_server.rows) == "a"


async def test_many_large_rows_go_in_several_requests(
    appender: TableAppender, write_server: WriteServer
) -> None:
    assert await appender.append(rows_of("abcde", ballast=4_000_000)) == [None] * 5
    assert sorted(letters_in(write_server.rows)) == list("abcde")
    assert sorted(write_server.requests) == [1, 2, 2]


async def test_a_stream_closed_by_the_server_is_reopened(
    appender: TableAppender, write_server: WriteServer
) -> None:
    await appender.append(rows_of("a"))
    write_server.turns.append(lambda _: None)
    assert await appender.append(rows_of("b")) == [None]
    assert letters_in(write_server.rows) == "ab"
    assert write_server.connections == 2


async def test_a_stream_that_ended_while_it_was_idle_is_reopened(
    appender: TableAppender, write_server: WriteServer
) -> None:
    write_server.ends_idle = True
    await appender.append(rows_of("a"))
    await asyncio.sleep(0.2)  # for the end to arrive: an append that comes sooner meets it all the same
    assert await appender.append(rows_of("b")) == [None]
    assert letters_in(write_server.rows) == "ab"
    assert write_server.connections == 2


async def test_a_lost_answer_duplicates_rows_but_loses_none(
    appender: TableAppender, write_server: WriteServer
) -> None:
    def append_and_hang_up(rows: list[Message]) -> None:
        write_server.accept(rows)

    write_server.turns.append(append_and_hang_up)
    assert await appender.append(rows_of("a")) == [None]
    assert letters_in(write_server.rows) == "aa"


async def test_a_second_broken_connection_is_a_retry(
    appender: TableAppender, write_server: WriteServer
) -> None:
    write_server.turns += [lambda _: None, lambda _: None]
    with pytest.raises(Retry, match=r"BigQuery took no rows for p\.d\.letters: UNAVAILABLE, .*closed"):
        await appender.append(rows_of("a"))
    assert await appender.append(rows_of("b")) == [None]


async def test_an_internal_error_is_retried_once(appender: TableAppender, write_server: WriteServer) -> None:
    write_server.turns.append(lambda _: refusal(grpc.StatusCode.INTERNAL, "try again"))
    assert await appender.append(rows_of("a")) == [None]
    assert write_server.requests == [1, 1]


def _extra_field() -> Status:
    mismatch = StorageError(code="SCHEMA_MISMATCH_EXTRA_FIELDS", entity="letters")
    detail = AnyMessage()
    detail.Pack(StorageError.pb(mismatch))
    return Status(code=3, message="Input has more fields than the table", details=[detail])


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (AppendRowsResponse(error=_extra_field()), "deploy the table's schema before"),
        (
            refusal(grpc.StatusCode.INVALID_ARGUMENT, "Invalid proto schema"),
            "deploy the table's schema before",
        ),
        (refusal(grpc.StatusCode.NOT_FOUND, "no such table"), "deploy the dataset"),
        (refusal(grpc.StatusCode.PERMISSION_DENIED, "not yours"), "cqc_row_appender"),
    ],
)
async def test_a_deployment_mistake_rejects_no_row_and_says_what_to_do(
    appender: TableAppender, write_server: WriteServer, answer: AppendRowsResponse, advice: str
) -> None:
    write_server.turns.append(lambda _: answer)
    with pytest.raises(Retry, match=advice):
        await appender.append(rows_of("ab"))
    assert write_server.requests == [2]
    assert await appender.append(rows_of("ab")) == [None, None]


def _malformed_rows() -> Status:
    return Status(code=3, message="Cannot parse the rows")


@pytest.mark.parametrize("status", [_extra_field(), Status(code=5, message="no such table")])
async def test_a_call_that_ends_with_a_mistake_of_the_deployment_rejects_no_row(
    appender: TableAppender, write_server: WriteServer, status: Status
) -> None:
    """The details of the call's status say so: its code is also that of a bad row."""

    def end(_: list[Message]) -> None:
        raise Abort(status)

    write_server.turns.append(end)
    with pytest.raises(Retry, match=status.message):
        await appender.append(rows_of("a"))
    assert await appender.append(rows_of("a")) == [None]


async def test_a_call_that_ends_with_an_internal_error_is_followed_by_another(
    appender: TableAppender, write_server: WriteServer
) -> None:
    def end(_: list[Message]) -> None:
        raise Abort(Status(code=13, message="try again"))

    write_server.turns.append(end)
    assert await appender.append(rows_of("a")) == [None]
    assert write_server.connections == 2


async def test_a_call_that_ends_because_of_a_row_rejects_that_row_alone(
    appender: TableAppender, write_server: WriteServer
) -> None:
    def ends_at_a_bad_row(rows: list[Message]) -> None:
        if "x" in letters_in(rows):
            raise Abort(_malformed_rows())

    write_server.check_rows = ends_at_a_bad_row
    outcomes = await appender.append(rows_of("axb"))
    assert [isinstance(outcome, Reject) for outcome in outcomes] == [False, True, False]
    assert sorted(letters_in(write_server.rows)) == ["a", "b"]


async def test_a_changed_table_is_written_over_a_new_connection(
    appender: TableAppender, write_server: WriteServer
) -> None:
    def append_and_tell(rows: list[Message]) -> AppendRowsResponse:
        write_server.accept(rows)
        return AppendRowsResponse(append_result={}, updated_schema={"fields": [{"name": "new"}]})

    write_server.turns.append(append_and_tell)
    await appender.append(rows_of("a"))
    await appender.append(rows_of("b"))
    assert letters_in(write_server.rows) == "ab"
    assert write_server.connections == 2


async def test_a_timeout_is_a_retry_and_the_next_append_works(
    write_server: WriteServer,
) -> None:
    def stall(_: list[Message]) -> None:
        raise Stall

    appender = TableAppender("p", "d", LETTERS, deadline=0.2)
    write_server.turns.append(stall)
    with pytest.raises(Retry, match=r"within 0\.2 s"):
        await appender.append(rows_of("a"))
    assert await appender.append(rows_of("b")) == [None]
    assert letters_in(write_server.rows) == "b"
    assert write_server.connections == 2
    await appender.close()


async def test_a_tables_sink_has_the_deadline_that_it_is_given(write_server: WriteServer) -> None:
    def stall(_: list[Message]) -> None:
        raise Stall

    sink = table_sink("p", "d", LETTERS, deadline=0.2)
    write_server.turns.append(stall)
    with pytest.raises(Retry, match=r"within 0\.2 s"):
        await sink.append_rows([{"letter": "a"}])


async def test_an_unreachable_bigquery_is_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", "127.0.0.1:1")
    appender = TableAppender("p", "d", LETTERS)
    with pytest.raises(Retry, match="UNAVAILABLE"):
        await appender.append(rows_of("a"))
    await appender.close()
