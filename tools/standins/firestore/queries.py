"""The documents that a StructuredQuery asks for: those of one collection, ordered by name."""

from collections.abc import Sequence
from typing import Any

from google.cloud.firestore_v1 import types

from tools.standins.firestore.names import split
from tools.standins.firestore.store import Store
from tools.standins.status import InvalidArgument, check_only, unsupported

_BY_NAME = [("__name__", int(types.StructuredQuery.Direction.ASCENDING))]


def run(store: Store, parent: str, query: Any) -> Sequence[Any]:
    """The query's documents, which the caller must not change. Raises InvalidArgument or Unimplemented."""
    check_only(query, "from_", "order_by", "start_at", "limit")
    if [(order.field.field_path, order.direction) for order in query.order_by] != _BY_NAME:
        raise unsupported("another order than by __name__, ascending")
    collection = f"{parent}/{_collection_id(query)}"
    after = _after(query.start_at, collection) if query.HasField("start_at") else ""
    limit = query.limit.value if query.HasField("limit") else None
    if limit is not None and limit < 0:
        raise InvalidArgument("limit is negative")
    return store.in_collection(collection, after, limit)


def _collection_id(query: Any) -> str:
    selectors = query.from_
    if len(selectors) != 1 or selectors[0].all_descendants or not selectors[0].collection_id:
        raise unsupported("another query than of one collection")
    collection_id: str = selectors[0].collection_id
    return collection_id


def _after(cursor: Any, collection: str) -> str:
    """The id behind which the documents begin."""
    check_only(cursor, "values")
    names = [split(value.reference_value) for value in cursor.values]
    if [holder for holder, _ in names] != [collection]:
        raise InvalidArgument(f"the cursor is not the name of one document of {collection}")
    return names[0][1]
