"""The size of a document's fields, of the kinds that the windows have."""

from typing import Any

from tools.standins.status import InvalidArgument, unsupported


def size_of(fields: Any) -> int:
    """In bytes, by Firestore's documented rules, of a protobuf map from name to google.firestore.v1.Value.

    Raises InvalidArgument for a reserved name, and Unimplemented for another kind of value.
    """
    size = 0
    for name, value in fields.items():
        if name.startswith("__") and name.endswith("__"):
            raise InvalidArgument(f"field name {name} is reserved")
        size += len(name.encode()) + 1 + _value_size(value)
    return size


def _value_size(value: Any) -> int:
    kind = value.WhichOneof("value_type")
    if kind in ("integer_value", "timestamp_value"):
        return 8
    if kind == "string_value":
        return len(value.string_value.encode()) + 1
    if kind == "bytes_value":
        return len(value.bytes_value)
    raise unsupported(f"{kind} in a document")
