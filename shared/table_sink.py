"""Rows of one table on their way to BigQuery, one outcome each."""

from collections.abc import Sequence
from typing import Protocol

from shared.batching import Outcome
from shared.columns import Row, Table
from shared.errors import Reject
from shared.rows import encode


class Appender(Protocol):
    """Takes encoded rows; shared.gcp.bigquery.TableAppender is the one."""

    async def append(self, rows: Sequence[bytes]) -> Sequence[Outcome]:
        """One outcome a row; raises Retry."""


class TableSink:
    """Encodes and appends; a row that cannot be encoded fails alone."""

    def __init__(self, table: Table, appender: Appender) -> None:
        self._table = table
        self._appender = appender

    async def append_rows(self, rows: Sequence[Row]) -> list[Outcome]:
        """None where the row is durable, the Reject where it never can be; raises Retry."""
        encoded = [self._encode(row) for row in rows]
        good = [row for row in encoded if isinstance(row, bytes)]
        appended = iter(await self._appender.append(good) if good else ())
        return [next(appended) if isinstance(row, bytes) else row for row in encoded]

    def _encode(self, row: Row) -> bytes | Reject:
        try:
            return encode(self._table, row)
        except Reject as reject:
            return reject
