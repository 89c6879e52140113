"""Appends rows to one table, with one outcome per row."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from shared.delivery.batching import Outcome, with_isolated_prepare
from shared.tables.columns import Row, Table
from shared.tables.rows import encode


class RowSink(Protocol):
    """One table; TableSink is the real one."""

    async def append_rows(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        """None where the row is durable, the Reject where it never can be; raises Retry."""


class Appender(Protocol):
    """Appends encoded rows; shared/gcp/bigquery.py has the real one."""

    async def append(self, rows: Sequence[bytes]) -> Sequence[Outcome]:
        """One outcome per row; raises Retry."""


class TableSink:
    """Encodes and appends; a row that cannot be encoded fails alone."""

    def __init__(self, table: Table, appender: Appender) -> None:
        self._append = with_isolated_prepare(partial(encode, table), appender.append)

    async def append_rows(self, rows: Sequence[Row]) -> list[Outcome]:
        """None where the row is durable, the Reject where it never can be; raises Retry."""
        return list(await self._append(rows))
