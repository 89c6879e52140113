"""Rows of one table on their way to BigQuery, one outcome each."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from shared.batching import Outcome, each_alone
from shared.columns import Row, Table
from shared.rows import encode


class Appender(Protocol):
    """Takes encoded rows; shared.gcp.bigquery.TableAppender is the one."""

    async def append(self, rows: Sequence[bytes]) -> Sequence[Outcome]:
        """One outcome a row; raises Retry."""


class TableSink:
    """Encodes and appends; a row that cannot be encoded fails alone."""

    def __init__(self, table: Table, appender: Appender) -> None:
        self._append = each_alone(partial(encode, table), appender.append)

    async def append_rows(self, rows: Sequence[Row]) -> list[Outcome]:
        """None where the row is durable, the Reject where it never can be; raises Retry."""
        return list(await self._append(rows))
