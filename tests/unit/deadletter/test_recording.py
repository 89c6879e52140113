"""No dead letter is dropped, whatever BigQuery does."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from functions.deadletter.recording import Recorder
from shared.dead_letters.record import RECORD_ATTRIBUTE, RECORD_KIND, record_of
from shared.delivery.batching import BatchLimits, Outcome
from shared.errors import ErrorType, Reject, Retry
from shared.tables.columns import STREAMING_ERRORS
from shared.tables.sink import TableSink
from tests.unit.builders import NOW, message


class Table:
    """An in-memory streaming_errors that may refuse rows or be away."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        self.appends = 0
        self.refuses: Callable[[bytes], bool] = lambda _: False
        self.is_away = False

    async def append(self, rows: Sequence[bytes]) -> Sequence[Outcome]:
        self.appends += 1
        if self.is_away:
            raise Retry("BigQuery is away")
        outcomes = [Reject(ErrorType.SINK_REJECTED, "no good") if self.refuses(row) else None for row in rows]
        self.rows += [row for row, outcome in zip(rows, outcomes, strict=True) if outcome is None]
        return outcomes


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def recorder(table: Table) -> Recorder:
    return Recorder(TableSink(STREAMING_ERRORS, table), lambda: NOW, "1", BatchLimits(linger_seconds=0))


async def test_concurrent_messages_are_one_append(table: Table, recorder: Recorder) -> None:
    await asyncio.gather(*(recorder.process(message(b"{}", message_id=f"m-{n}")) for n in range(20)))
    assert (table.appends, len(table.rows)) == (1, 20)


async def test_a_redelivery_of_a_written_message_appends_no_second_row(
    table: Table, recorder: Recorder
) -> None:
    await recorder.process(message(b"{}"))
    await recorder.process(message(b"{}"))
    assert len(table.rows) == 1


async def test_while_bigquery_is_away_a_message_is_retried_and_then_written(
    table: Table, recorder: Recorder
) -> None:
    table.is_away = True
    with pytest.raises(Retry, match="BigQuery is away"):
        await recorder.process(message(b"{}"))
    table.is_away = False
    await recorder.process(message(b"{}"))
    assert len(table.rows) == 1


async def test_a_refused_row_is_replaced_by_one_with_the_message_and_the_refusal(
    table: Table, recorder: Recorder
) -> None:
    table.refuses = lambda row: b"schema_error" in row and b"was refused" not in row
    record = record_of(
        message(b"\x00"),
        Reject(ErrorType.SCHEMA_ERROR, "is wrong"),
        stage="parse",
        now=NOW,
        pipeline_version="1",
    )
    bad = message(record.to_json(), message_id="bad", attributes={RECORD_ATTRIBUTE: RECORD_KIND})
    await asyncio.gather(
        recorder.process(message(b"{}", message_id="before")),
        recorder.process(bad),
        recorder.process(message(b"{}", message_id="after")),
    )
    assert len(table.rows) == 3
    assert [b"the dead letter's own row was refused" in row for row in table.rows] == [False, False, True]
    assert b"no good" in table.rows[2]
    assert bad.data in table.rows[2]


async def test_a_message_whose_fallback_row_is_refused_too_stays_in_pub_sub(
    table: Table, recorder: Recorder
) -> None:
    table.refuses = lambda row: b"poison" in row
    results = await asyncio.gather(
        recorder.process(message(b"{}", message_id="good")),
        recorder.process(message(b"poison", message_id="bad")),
        recorder.process(message(b"{}", message_id="too")),
        recorder.process(message(b"{}", message_id="as well")),
        return_exceptions=True,
    )
    assert isinstance(results[1], Retry)
    assert "so Pub/Sub keeps it" in str(results[1])
    assert [results[0], *results[2:]] == [None, None, None]
    assert len(table.rows) == 3


async def test_the_memory_of_written_messages_is_bounded(
    table: Table, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.deadletter.recording.REMEMBERED", 2)
    for number in (1, 2, 3, 3, 1):  # the first is forgotten first
        await recorder.process(message(b"{}", message_id=f"m-{number}"))
    written = [number for row in table.rows for number in (1, 2, 3) if b"m-%d" % number in row]
    assert written == [1, 2, 3, 1]


async def test_the_same_message_makes_the_same_row_at_any_time(table: Table, recorder: Recorder) -> None:
    sink, limits = TableSink(STREAMING_ERRORS, table), BatchLimits(linger_seconds=0)
    later = Recorder(sink, lambda: NOW + timedelta(days=6), "1", limits)
    await recorder.process(message(b"{}"))
    await later.process(message(b"{}"))
    assert table.rows[0] == table.rows[1]
