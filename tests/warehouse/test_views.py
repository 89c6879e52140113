"""Tables, and the views of their rows, on rows written as the functions write them."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.tables.columns import (
    REALTIME_FEATURES,
    REALTIME_FEATURES_AGGREGATED,
    STREAMING_ERRORS,
    Row,
    Table,
    Type,
    Value,
)
from tests.warehouse.rows import DAY, HOUR, NOW, feature, insert, select
from tools.generate.views import View, views
from tools.pipeline.warehouse import Warehouse


def sample_value(table: Table, name: str) -> Value:
    column = next(column for column in table.columns if column.name == name)
    by_type: dict[Type, Value] = {
        "STRING": f"{name}: café",
        "INT64": -(2**40),
        "FLOAT64": 0.1,
        "BOOL": True,
        "TIMESTAMP": datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC),
        "JSON": '{"rating": {"count": 2}}',
        "BYTES": b"\x00\xff",
    }
    value = by_type[column.type]
    return [str(value), "second"] if column.mode == "REPEATED" else value


@pytest.mark.parametrize(
    "table", [REALTIME_FEATURES, REALTIME_FEATURES_AGGREGATED, STREAMING_ERRORS], ids=lambda table: table.name
)
async def test_every_column_is_read_as_it_was_written(
    warehouse: Warehouse, dataset: str, table: Table
) -> None:
    row = {column.name: sample_value(table, column.name) for column in table.columns}
    await insert(table, dataset, [row])
    (found,) = select(warehouse, f"SELECT * FROM {table.name}")
    expected: dict[str, object] = dict(row)
    for column in table.columns:
        if column.type == "JSON":
            expected[column.name] = {"rating": {"count": 2}}
    assert found == expected


async def test_an_omitted_column_is_null_or_empty(warehouse: Warehouse, dataset: str) -> None:
    await insert(STREAMING_ERRORS, dataset, [{"error_timestamp": NOW}])
    (found,) = select(warehouse, "SELECT * FROM streaming_errors")
    assert {name for name, value in found.items() if value is not None} == {"error_timestamp"}


async def test_realtime_features_unique_prefers_a_late_row_then_the_first_published_then_the_first_processed(
    warehouse: Warehouse, dataset: str
) -> None:
    minute = timedelta(minutes=1)
    published = {"publish_timestamp": NOW - HOUR}
    await insert(
        REALTIME_FEATURES,
        dataset,
        [
            feature("late", processing_timestamp=NOW - HOUR, pipeline_version="in time", **published),
            feature("late", is_late=True, publish_timestamp=NOW, pipeline_version="late"),
            feature("twice", publish_timestamp=NOW, processing_timestamp=NOW - minute),
            feature("twice", processing_timestamp=NOW, pipeline_version="first published", **published),
            feature("again", processing_timestamp=NOW, **published),
            feature(
                "again", processing_timestamp=NOW - minute, pipeline_version="first processed", **published
            ),
            feature(
                "again", processing_timestamp=NOW - minute, pipeline_version="first processed", **published
            ),
            feature("unpublished", publish_timestamp=NOW - minute),
            feature("unpublished", processing_timestamp=NOW - HOUR, pipeline_version="first processed"),
            feature("null", is_late=None, pipeline_version="only"),
        ],
    )
    rows = select(warehouse, "SELECT * FROM realtime_features_unique ORDER BY event_id")
    assert {row["event_id"]: row["pipeline_version"] for row in rows} == {
        "late": "late",
        "twice": "first published",
        "again": "first processed",
        "unpublished": "first processed",
        "null": "only",
    }
    assert len(rows) == 5
    assert list(rows[0]) == [column.name for column in REALTIME_FEATURES.columns]


async def test_realtime_features_between_has_each_event_of_its_span_once(
    warehouse: Warehouse, dataset: str
) -> None:
    begin, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    await insert(
        REALTIME_FEATURES,
        dataset,
        [
            feature("before", event_timestamp=begin - timedelta(microseconds=1)),
            feature("first", event_timestamp=begin),
            feature("first", event_timestamp=begin),
            feature("last", event_timestamp=end - timedelta(microseconds=1)),
            feature("after", event_timestamp=end),
        ],
    )
    function = f"`project.{dataset}.realtime_features_between`"
    result = warehouse.query(
        f"SELECT event_id FROM {function}(@begin, @finish) ORDER BY event_id",
        begin=begin,
        finish=end,
    )
    assert result.rows == [("first",), ("last",)]


async def test_realtime_features_aggregated_latest_is_the_highest_revision_of_each_window(
    warehouse: Warehouse, dataset: str
) -> None:
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def pane(location: str, minute: int, revision: int, count: int) -> Row:
        begin = start + timedelta(minutes=minute)
        return {
            "location_id": location,
            "window_start": begin,
            "window_end": begin + timedelta(minutes=5),
            "revision": revision,
            "window_event_count": count,
            "aggregation_timestamp": NOW - revision * HOUR,  # another clock than the flush's before it
        }

    panes = [pane("1-1", 0, 1, 3), pane("1-1", 0, 2, 5), pane("1-1", 0, 2, 5), pane("1-1", 5, 1, 7)]
    await insert(REALTIME_FEATURES_AGGREGATED, dataset, [*panes, pane("1-2", 0, 1, 9)])
    rows = select(
        warehouse, "SELECT * FROM realtime_features_aggregated_latest ORDER BY location_id, window_start"
    )
    assert [row["window_event_count"] for row in rows] == [5, 7, 9]
    assert list(rows[0]) == [column.name for column in REALTIME_FEATURES_AGGREGATED.columns]


async def test_streaming_errors_unique_keeps_the_newest_of_each_failure_and_all_without_identity(
    warehouse: Warehouse, dataset: str
) -> None:
    def error(event_id: str | None, stage: str, error_type: str, age: timedelta) -> Row:
        return {
            "event_id": event_id,
            "stage": stage,
            "error_type": error_type,
            "error_timestamp": NOW - age,
            "error_message": f"{age // HOUR} h old",
        }

    await insert(
        STREAMING_ERRORS,
        dataset,
        [
            error("a", "parse", "schema_error", 2 * HOUR),
            error("a", "parse", "schema_error", 1 * HOUR),
            error("a", "features", "schema_error", 3 * HOUR),
            error("a", "features", "late_event", 4 * HOUR),
            error(None, "parse", "json_parse_error", 5 * HOUR),
            error(None, "parse", "json_parse_error", 6 * HOUR),
        ],
    )
    rows = select(warehouse, "SELECT * FROM streaming_errors_unique ORDER BY error_timestamp DESC")
    assert [row["error_message"] for row in rows] == [f"{hours} h old" for hours in (1, 3, 4, 5, 6)]
    assert list(rows[0]) == [column.name for column in STREAMING_ERRORS.columns]


async def test_latest_realtime_features_is_the_newest_row_of_each_location_in_7_days(
    warehouse: Warehouse, dataset: str
) -> None:
    await insert(
        REALTIME_FEATURES,
        dataset,
        [
            feature("old", event_timestamp=NOW - 2 * DAY, processing_timestamp=NOW + HOUR),
            feature("new", event_timestamp=NOW - DAY),
            feature("new", event_timestamp=NOW - DAY),
            feature("week", location_id="1-2", event_timestamp=NOW - 7 * DAY + HOUR),
            feature("gone", location_id="1-3", event_timestamp=NOW - 7 * DAY - HOUR),
            feature("tie-a", location_id="1-4", processing_timestamp=NOW - HOUR),
            feature("tie-b", location_id="1-4", processing_timestamp=NOW),
            feature("twice", location_id="1-5", pipeline_version="first", processing_timestamp=NOW - HOUR),
            feature("twice", location_id="1-5", pipeline_version="second", processing_timestamp=NOW),
        ],
    )
    rows = select(warehouse, "SELECT * FROM latest_realtime_features ORDER BY location_id")
    assert [row["event_id"] for row in rows] == ["new", "week", "tie-b", "twice"]
    assert rows[-1]["pipeline_version"] == "first", "the same row as in realtime_features_unique"
    assert list(rows[0]) == [column.name for column in REALTIME_FEATURES.columns]


OUR_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "NUMERIC": "INT64"}
"""Of the REST API's types. NUMERIC is what the stand-in makes of COUNTIF, an INT64 in BigQuery."""


def columns_of(warehouse: Warehouse, name: str) -> dict[str, str]:
    """Those of a table or view, with their types."""
    stored = warehouse.describe(name)
    assert stored is not None
    return {column: OUR_NAMES.get(kind, kind) for column, (kind, _) in stored.columns.items()}


@pytest.mark.parametrize("view", views(), ids=lambda view: view.name)
def test_docs_tables_has_a_views_columns_or_those_of_its_source(warehouse: Warehouse, view: View) -> None:
    found = columns_of(warehouse, view.name)
    if view.columns:
        assert found == {column.name: column.type for column in view.columns}
    else:
        assert list(found) == list(columns_of(warehouse, view.source))
