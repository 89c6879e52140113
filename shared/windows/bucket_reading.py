"""Reading buckets: their first documents, then what these name."""

from collections.abc import AsyncIterator, Iterable

from shared.windows.bucket_documents import named_in
from shared.windows.documents import Document, Documents, Unreadable

AT_ONCE = 64
"""Documents asked for at once: 25 MB of digests."""


async def documents_of(
    documents: Documents, buckets: Iterable[str]
) -> AsyncIterator[tuple[str, Document | Unreadable]]:
    """Each document of the buckets whose first ones have these names, or why it can't be read, with the
    bucket's name; nothing of a bucket that does not exist. Raises Retry."""
    bucket_of = {name: name for name in buckets}
    wanted, are_named = list(bucket_of), False
    while wanted:
        named: dict[str, str] = {}
        for at in range(0, len(wanted), AT_ONCE):
            names = wanted[at : at + AT_ONCE]
            found = (await documents.read(names)).documents
            for name in names:
                bucket = bucket_of[name]
                try:
                    if name in found:
                        named |= dict.fromkeys(named_in(found[name]), bucket)
                        yield bucket, found[name]
                    elif are_named:
                        raise Unreadable(f"{name} is missing")
                except Unreadable as error:
                    yield bucket, error
        bucket_of |= named
        wanted, are_named = list(named), True
