"""One definition of the tables: the wire descriptor and the views follow it."""

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from shared.tables.columns import (
    CATEGORY_COLUMNS,
    REALTIME_FEATURES,
    REALTIME_FEATURES_AGGREGATED,
    REPLAYS,
    STREAMING_ERRORS,
    TABLES,
    Table,
    json_schema,
)
from shared.tables.rows import descriptor
from tools.pipeline.warehouse import VIEWS, references, view_definitions

every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@every_table
def test_the_wire_descriptor_has_the_same_columns(table: Table) -> None:
    wire_types = {
        FieldDescriptorProto.TYPE_STRING: {"STRING", "JSON"},
        FieldDescriptorProto.TYPE_INT64: {"INT64", "TIMESTAMP"},
        FieldDescriptorProto.TYPE_DOUBLE: {"FLOAT64"},
        FieldDescriptorProto.TYPE_BOOL: {"BOOL"},
        FieldDescriptorProto.TYPE_BYTES: {"BYTES"},
    }
    labels = {
        FieldDescriptorProto.LABEL_OPTIONAL: "NULLABLE",
        FieldDescriptorProto.LABEL_REQUIRED: "REQUIRED",
        FieldDescriptorProto.LABEL_REPEATED: "REPEATED",
    }
    fields = descriptor(table).field
    assert [(field.name, labels[field.label]) for field in fields] == [
        (column.name, column.mode) for column in table.columns
    ]
    assert all(
        column.type in wire_types[field.type] for field, column in zip(fields, table.columns, strict=True)
    )


@every_table
def test_columns_have_distinct_names_and_useful_descriptions(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    for column in json_schema(table):
        assert column["description"].endswith("."), column["name"]
        assert len(column["description"].split()) > 3, column["name"]


@pytest.mark.parametrize(
    ("table", "required", "partition_by", "cluster_by"),
    [
        (
            REALTIME_FEATURES,
            {"event_id", "location_id", "event_timestamp", "processing_timestamp"},
            "event_timestamp",
            ("location_id", "event_type", "feature_category"),
        ),
        (
            REALTIME_FEATURES_AGGREGATED,
            {"location_id", "window_start", "window_end", "aggregation_timestamp"},
            "window_start",
            ("location_id",),
        ),
        (STREAMING_ERRORS, {"error_timestamp"}, "error_timestamp", ("error_type", "stage")),
        (REPLAYS, {"replayed_at", "event_id"}, "replayed_at", ("event_id",)),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else "",
)
def test_keys_partitions_and_clustering_are_those_that_readers_rely_on(
    table: Table, required: set[str], partition_by: str, cluster_by: tuple[str, ...]
) -> None:
    assert {column.name for column in table.columns if column.mode == "REQUIRED"} == required
    assert (table.partition_by, table.cluster_by) == (partition_by, cluster_by)
    names = {column.name for column in table.columns}
    assert names >= {partition_by, *cluster_by}


def test_every_category_has_its_columns_in_the_features_table() -> None:
    assert {name: len(columns) for name, columns in CATEGORY_COLUMNS.items()} == {
        "inspection": 8,
        "rating": 8,
        "capacity": 8,
        "compliance": 9,
        "interaction": 9,
        "generic": 6,
    }
    assert {column for columns in CATEGORY_COLUMNS.values() for column in columns} <= set(
        REALTIME_FEATURES.columns
    )


def test_views_read_tables_and_views_that_exist_and_come_after_them() -> None:
    known = {table.name for table in TABLES}
    for name, sql in view_definitions("p", "d").items():
        read = references((VIEWS / f"{name}.sql").read_text(encoding="utf-8"))
        assert read, f"{name} reads nothing"
        assert read <= known, f"{name} reads what is not there yet"
        assert "${" not in sql
        known.add(name)
    assert known - {table.name for table in TABLES} == {
        "realtime_features_unique",
        "realtime_features_aggregated_latest",
        "streaming_errors_unique",
        "latest_realtime_features",
        "hourly_feature_stats",
        "location_risk_summary",
    }
