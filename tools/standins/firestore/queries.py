"""The documents that a StructuredQuery asks for: those of one collection, ordered by name."""

from collections.abc import Sequence
from typing import Any

from google.cloud.firestore_v1 import types

from tools.standins.firestore import fields
from tools.standins.firestore.names import split
from tools.standins.firestore.store import Document, Store
from tools.standins.status import InvalidArgument, Unimplemented

_NAME = "__name__"
_ASCENDING = int(types.StructuredQuery.Direction.ASCENDING)
_UNSUPPORTED = ("where", "end_at", "find_nearest", "offset")


def run(store: Store, parent: str, query: Any) -> Sequence[Any]:
    """The query's documents, which the caller must not change. Raises InvalidArgument or Unimplemented."""
    _refuse_unsupported(query)
    collection = f"{parent}/{_collection_id(query)}"
    start, inclusive = _start(query, collection)
    limit = query.limit.value if query.HasField("limit") else None
    if limit is not None and limit < 0:
        raise InvalidArgument("limit is negative")
    documents = store.in_collection(collection, start, inclusive, limit)
    if not query.HasField("select"):
        return documents
    return [project(document, [field.field_path for field in query.select.fields]) for document in documents]


def project(document: Any, paths: Sequence[str]) -> Any:
    """A copy of the document with only these field paths."""
    copy = Document(name=document.name, create_time=document.create_time, update_time=document.update_time)
    fields.copy_paths(document.fields, copy.fields, [path for path in paths if path != _NAME])
    return copy


def _refuse_unsupported(query: Any) -> None:
    for part in _UNSUPPORTED:
        if query.HasField(part) if part != "offset" else query.offset:
            raise Unimplemented(f"the Firestore stand-in does not support {part}: use --parts emulators")
    by_name = [(order.field.field_path, order.direction) for order in query.order_by]
    if by_name not in ([], [(_NAME, _ASCENDING)]):
        raise Unimplemented("the Firestore stand-in orders by __name__, ascending: use --parts emulators")


def _collection_id(query: Any) -> str:
    selectors = query.from_
    if len(selectors) != 1 or selectors[0].all_descendants or not selectors[0].collection_id:
        raise Unimplemented("the Firestore stand-in queries one collection: use --parts emulators")
    collection_id: str = selectors[0].collection_id
    return collection_id


def _start(query: Any, collection: str) -> tuple[str, bool]:
    """The id to start from, and whether it is included."""
    if not query.HasField("start_at"):
        return "", True
    values = query.start_at.values
    if len(query.order_by) != 1 or len(values) != 1:
        raise InvalidArgument("start_at and order_by differ in their number of fields")
    if not values[0].HasField("reference_value"):
        raise InvalidArgument("a __name__ cursor must be a reference")
    holder, document_id = split(values[0].reference_value)
    if holder != collection:
        raise InvalidArgument(f"the cursor {values[0].reference_value} is not in {collection}")
    return document_id, query.start_at.before
