"""Rows as the functions write them, and what a query finds; times are relative to now, as in the views."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from shared.gcp.bigquery import TableAppender
from shared.tables.columns import Row, Table, Value
from shared.tables.rows import encode
from tools.pipeline.warehouse import Warehouse

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def feature(event_id: str, **values: Value) -> Row:
    """A features row with the columns the views read; `values` replace the defaults."""
    row: Row = {
        "event_id": event_id,
        "location_id": "1-1",
        "event_type": "compliance_alert",
        "feature_category": "compliance",
        "event_timestamp": NOW - HOUR,
        "processing_timestamp": NOW,
        "is_late": False,
        "real_time_risk_score": 0,
        "event_complexity_score": 0,
    }
    return row | values


async def insert(table: Table, dataset: str, rows: Sequence[Row]) -> None:
    appender = TableAppender("project", dataset, table)
    assert await appender.append([encode(table, row) for row in rows]) == [None] * len(rows)
    await appender.close()


def select(warehouse: Warehouse, sql: str) -> list[dict[str, object]]:
    result = warehouse.query(sql)
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]
