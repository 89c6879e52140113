"""How many bytes BigQuery counts for a row, by its columns' types.

Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#data_type_sizes
"""

from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from shared.tables.columns import Table
from shared.tables.rows import descriptor

FIXED = {"INT64": 8, "FLOAT64": 8, "BOOL": 1, "TIMESTAMP": 8}
PREFIX = {"STRING": 2, "BYTES": 2, "JSON": 0}
"""Before the bytes themselves."""


def mean_bytes(table: Table, rows: Sequence[bytes]) -> float:
    """Of at least one row, as it was sent. A NULL has none."""
    pool = DescriptorPool()
    name = f"{table.name}.proto"
    pool.Add(FileDescriptorProto(name=name, syntax="proto2", message_type=[descriptor(table)]))
    decode = GetMessageClass(pool.FindMessageTypeByName(table.name)).FromString
    types: dict[str, str] = {column.name: column.type for column in table.columns}
    sizes = (_size(types[field.name], values) for row in rows for field, values in decode(row).ListFields())
    return sum(sizes) / len(rows)


def _size(kind: str, value: Any) -> int:
    values: Iterable[Any] = [value] if isinstance(value, str | bytes | int | float) else value
    if kind in FIXED:
        return sum(FIXED[kind] for _ in values)
    return sum(PREFIX[kind] + len(text.encode() if isinstance(text, str) else text) for text in values)
