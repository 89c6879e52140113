"""Buckets from their documents: the first parts, then what these name."""

from collections.abc import Sequence

from functions.aggregate.bucket import BucketState
from shared.windows.bucket_documents import bucket_name, named_in
from shared.windows.documents import Document, Documents, Unreadable
from shared.windows.state import Bucket, Shard

Loaded = tuple[list[BucketState], dict[Bucket, Unreadable]]
"""The buckets, and why some of them can't be read."""


async def load(documents: Documents, shard: Shard, keys: Sequence[Bucket]) -> Loaded:
    """These buckets; one without documents is empty. Raises Retry."""
    found: dict[str, Document] = {}
    unreadable: dict[Bucket, Unreadable] = {}
    bucket_of = {bucket_name(shard, *key): key for key in keys}
    wanted = list(bucket_of)
    while wanted:
        reading = await documents.read(wanted)
        found |= reading.documents
        named: dict[str, Bucket] = {}
        for document in reading.documents.values():
            key = bucket_of[document.name]
            try:
                named |= dict.fromkeys(named_in(document), key)
            except Unreadable as error:
                unreadable[key] = error
        bucket_of |= named
        wanted = list(named)
    return _states(shard, keys, found, unreadable)


def _states(
    shard: Shard, keys: Sequence[Bucket], found: dict[str, Document], unreadable: dict[Bucket, Unreadable]
) -> Loaded:
    states = []
    for key in keys:
        if key in unreadable:
            continue
        try:
            states.append(BucketState.of(key, bucket_name(shard, *key), found))
        except Unreadable as error:
            unreadable[key] = error
    return states, unreadable
