"""Rows as the Storage Write API accepts them: flat proto2 messages, built from a table's columns.

TIMESTAMP goes as int64 microseconds since the epoch and JSON as its text, which BigQuery converts.
Source: https://cloud.google.com/bigquery/docs/supported-data-types#supported-protocol-buffer-data-types
"""

from functools import cache

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from shared.clock import to_micros
from shared.errors import ErrorType, Reject
from shared.tables.columns import Column, Mode, Row, Table, Type

_TYPES: dict[Type, FieldDescriptorProto.Type.ValueType] = {
    "STRING": FieldDescriptorProto.TYPE_STRING,
    "INT64": FieldDescriptorProto.TYPE_INT64,
    "FLOAT64": FieldDescriptorProto.TYPE_DOUBLE,
    "BOOL": FieldDescriptorProto.TYPE_BOOL,
    "TIMESTAMP": FieldDescriptorProto.TYPE_INT64,
    "JSON": FieldDescriptorProto.TYPE_STRING,
    "BYTES": FieldDescriptorProto.TYPE_BYTES,
}
_LABELS: dict[Mode, FieldDescriptorProto.Label.ValueType] = {
    "NULLABLE": FieldDescriptorProto.LABEL_OPTIONAL,
    "REQUIRED": FieldDescriptorProto.LABEL_REQUIRED,
    "REPEATED": FieldDescriptorProto.LABEL_REPEATED,
}


def descriptor(table: Table) -> DescriptorProto:
    """The writer schema of `table`: one field per column, numbered in their order, no package."""
    return DescriptorProto(
        name=table.name,
        field=[_field(number, column) for number, column in enumerate(table.columns, start=1)],
    )


def encode(table: Table, row: Row) -> bytes:
    """`row` as one serialised message of `table`.

    Raises Reject for a value that only the event can be blamed for: a number beyond the column's range, or
    text that is not valid Unicode. Our own bugs raise KeyError (no such column), TypeError (a value of
    another type) or protobuf's EncodeError (a required column is missing).
    """
    return _encoder(table).encode(row)


class _Encoder:
    """One table's message class, with what `encode` needs prepared: it runs once per event."""

    def __init__(self, table: Table) -> None:
        pool = DescriptorPool()
        pool.Add(
            FileDescriptorProto(name=f"{table.name}.proto", syntax="proto2", message_type=[descriptor(table)])
        )
        self._message = GetMessageClass(pool.FindMessageTypeByName(table.name))
        self._table = table
        self._times = tuple(column.name for column in table.columns if column.type == "TIMESTAMP")

    def encode(self, row: Row) -> bytes:
        values: dict[str, object] = dict(row)
        for name in self._times:
            moment = row.get(name)
            if moment is not None:
                values[name] = to_micros(moment)  # type: ignore[arg-type]  # anything else raises there
        try:
            message = self._message(**values)
        except (ValueError, OverflowError, TypeError) as error:
            raise self._explained(values, error) from error
        return message.SerializeToString()

    def _explained(self, values: dict[str, object], error: Exception) -> Exception:
        """The error with the column's name, which protobuf leaves out."""
        unknown = values.keys() - {column.name for column in self._table.columns}
        if unknown:
            return KeyError(f"table {self._table.name} has no column {', '.join(sorted(unknown))}")
        culprit = next(name for name, value in values.items() if self._refuses(name, value))
        sentence = f"{self._table.name}.{culprit} cannot hold the value: {error}"
        if isinstance(error, TypeError):
            return TypeError(sentence)
        return Reject(ErrorType.SINK_REJECTED, sentence)

    def _refuses(self, name: str, value: object) -> bool:
        try:
            self._message(**{name: value})
        except (ValueError, OverflowError, TypeError):
            return True
        return False


_encoder = cache(_Encoder)


def _field(number: int, column: Column) -> FieldDescriptorProto:
    return FieldDescriptorProto(
        name=column.name, number=number, type=_TYPES[column.type], label=_LABELS[column.mode]
    )
