"""A document's fields: their size, parts of them by field path, and timestamps set by the server."""

from collections.abc import Iterable
from typing import Any

from tools.standins.firestore.names import field_path
from tools.standins.status import InvalidArgument, Unimplemented

Fields = Any
"""A protobuf map from field name to google.firestore.v1.Value."""

_FIXED_SIZES = {
    "null_value": 1,
    "boolean_value": 1,
    "integer_value": 8,
    "double_value": 8,
    "timestamp_value": 8,
    "geo_point_value": 16,
}
_SERVER_VALUE = "set_to_server_value"
_REQUEST_TIME = 1


def size_of(fields: Fields) -> int:
    """The fields' size in bytes, by Firestore's documented rules.

    Raises InvalidArgument for an array directly inside an array, or a reserved field name.
    """
    size = 0
    for name, value in fields.items():
        if name.startswith("__") and name.endswith("__"):
            raise InvalidArgument(f"field name {name} is reserved")
        size += len(name.encode()) + 1 + _value_size(value)
    return size


def _value_size(value: Any) -> int:
    kind = value.WhichOneof("value_type")
    if kind in _FIXED_SIZES:
        return _FIXED_SIZES[kind]
    if kind == "string_value":
        return len(value.string_value.encode()) + 1
    if kind == "bytes_value":
        return len(value.bytes_value)
    if kind == "reference_value":
        return len(value.reference_value.encode()) + 16
    if kind == "map_value":
        return size_of(value.map_value.fields)
    if kind == "array_value":
        return sum(_element_size(element) for element in value.array_value.values)
    raise InvalidArgument("A value has no type.")


def _element_size(value: Any) -> int:
    if value.WhichOneof("value_type") == "array_value":
        raise InvalidArgument("Cannot convert an array value in an array value.")
    return _value_size(value)


def copy_paths(source: Fields, target: Fields, paths: Iterable[str]) -> None:
    """Makes each path of `target` what it is in `source`: a value, or absent."""
    for path in paths:
        names = field_path(path)
        value = _find(source, names)
        if value is None:
            _remove(target, names)
        else:
            _place(target, names).CopyFrom(value)


def set_request_time(target: Fields, transforms: Iterable[Any], micros: int, result: Any) -> None:
    """Applies the transforms, which may only set the request time; their values go into `result`.

    The time is truncated to milliseconds, as in the service. Raises Unimplemented for other transforms.
    """
    for transform in transforms:
        kind = transform.WhichOneof("transform_type")
        if kind != _SERVER_VALUE or transform.set_to_server_value != _REQUEST_TIME:
            raise Unimplemented(f"the Firestore stand-in does not support {kind}: use --parts emulators")
        value = _place(target, field_path(transform.field_path))
        value.timestamp_value.FromMilliseconds(micros // 1000)
        result.transform_results.add().CopyFrom(value)


def _find(fields: Fields, names: list[str]) -> Any:
    """The value at a path, or None."""
    *parents, last = names
    for name in parents:
        if name not in fields or not fields[name].HasField("map_value"):
            return None
        fields = fields[name].map_value.fields
    return fields.get(last)


def _place(fields: Fields, names: list[str]) -> Any:
    """The value at a path, for writing; every parent becomes a map."""
    *parents, last = names
    for name in parents:
        fields = fields[name].map_value.fields
    return fields[last]


def _remove(fields: Fields, names: list[str]) -> None:
    *parents, last = names
    for name in parents:
        if name not in fields or not fields[name].HasField("map_value"):
            return
        fields = fields[name].map_value.fields
    fields.pop(last, None)
