"""Buckets from their documents."""

from collections.abc import Sequence

from functions.aggregate.bucket import BucketState
from shared.windows.bucket_documents import bucket_name
from shared.windows.bucket_reading import documents_of
from shared.windows.documents import Document, Documents, Unreadable
from shared.windows.state import Bucket, Shard


async def load(
    documents: Documents, shard: Shard, keys: Sequence[Bucket]
) -> tuple[list[BucketState], dict[Bucket, Unreadable]]:
    """These buckets, one without documents empty, and why some of them can't be read. Raises Retry."""
    key_of = {bucket_name(shard, *key): key for key in keys}
    found: dict[str, Document] = {}
    unreadable: dict[Bucket, Unreadable] = {}
    async for name, document in documents_of(documents, key_of):
        if isinstance(document, Unreadable):
            unreadable[key_of[name]] = document
        else:
            found[document.name] = document
    states = []
    for name, key in key_of.items():
        if key in unreadable:
            continue
        try:
            states.append(BucketState.of(key, name, found))
        except Unreadable as error:
            unreadable[key] = error
    return states, unreadable
