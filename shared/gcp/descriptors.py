"""Protobuf messages described by hand: the few that are used of a package that describes hundreds at import.

The reasons are in docs/decisions/0009.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_SCALARS: Final[Mapping[str, FieldDescriptorProto.Type.ValueType]] = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "string": FieldDescriptorProto.TYPE_STRING,
}


def message(name: str, *fields: str, nested: Sequence[DescriptorProto] = ()) -> DescriptorProto:
    """A message of fields as a .proto file has them, `[repeated] TYPE NAME = NUMBER [in ONEOF]`.

    A type that is not a scalar names a message: of the same file, or with a leading dot by its full name.
    """
    described = DescriptorProto(name=name, nested_type=nested)
    for line in fields:
        words = line.split()
        repeated = words[0] == "repeated"
        kind, field_name, _, number, *oneof = words[repeated:]
        field = described.field.add(
            name=field_name,
            number=int(number),
            label=FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL,
            type=_SCALARS.get(kind, FieldDescriptorProto.TYPE_MESSAGE),
        )
        if kind not in _SCALARS:
            field.type_name = kind
        if oneof:
            field.oneof_index = _oneof(described, oneof[1])
    return described


def text_map_entry(name: str) -> DescriptorProto:
    """What `map<string, string>` stands for: the message of one entry, to nest where the map is repeated."""
    entry = message(name, "string key = 1", "string value = 2")
    entry.options.map_entry = True
    return entry


def _oneof(described: DescriptorProto, name: str) -> int:
    names = [group.name for group in described.oneof_decl]
    if name not in names:
        described.oneof_decl.add(name=name)
        return len(names)
    return names.index(name)


def pool_of(
    file: str, package: str, messages: Sequence[DescriptorProto], imported: Sequence[FileDescriptor]
) -> DescriptorPool:
    """A pool of its own, as in the default one the official package's messages have the same names.

    `imported` are the files of the messages that fields name in full, and the files that these import.
    """
    pool = DescriptorPool()
    for other in imported:
        copied = FileDescriptorProto()
        other.CopyToProto(copied)
        pool.Add(copied)
    pool.Add(
        FileDescriptorProto(
            name=file,
            package=package,
            syntax="proto3",
            dependency=[other.name for other in imported],
            message_type=messages,
        )
    )
    return pool


def message_class(pool: DescriptorPool, full_name: str) -> Any:
    """The raw class: its fields are known at run time only."""
    return GetMessageClass(pool.FindMessageTypeByName(full_name))
