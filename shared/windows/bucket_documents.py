"""Where the windows are kept: how their documents are named, and how they refer to each other. Pure.

    window_state/{g}.{s}-{bucket}-{window}         one bucket of a window (functions/aggregate/bucket.py)
    window_state/{g}.{s}-{bucket}-{window}+{n}     its further parts, when a document is full
    window_state/…~{n}                             full chunks of a part's digests, written once
    window_state/{g}.{s}-meta-{window}             how many buckets a settled window has

A bucket holds the locations whose hash ends in its number. How many there are is fixed at a window's birth; a
wrong guess costs parts, never correctness. The bucket comes first in an id, so that those of one flush do not
stand side by side.
"""

from collections.abc import Iterator, Mapping
from struct import iter_unpack

from shared.clock import from_micros
from shared.windows.documents import EXPIRY, Document, Unreadable, binary, check_format, whole
from shared.windows.key import DIGEST_BYTES
from shared.windows.state import FORMAT, OpenWindow, Shard

STATE = "window_state"


def bucket_name(shard: Shard, start: int, bucket: int) -> str:
    """The name of a bucket's first document."""
    return f"{STATE}/{shard.name}-{bucket:03x}-{_window_id(start)}"


def meta_name(shard: Shard, start: int) -> str:
    return f"{STATE}/{shard.name}-meta-{_window_id(start)}"


def _window_id(start: int) -> str:
    return f"{from_micros(start):%Y%m%dT%H%M}"


def part_name(bucket: str, part: int) -> str:
    return f"{bucket}+{part}" if part else bucket


def chunk_name(part: str, number: int) -> str:
    return f"{part}~{number}"


def meta_fields(window: OpenWindow, expiry: int) -> dict[str, bytes | str | int]:
    """The fields of a settled window's meta document."""
    return {"format": FORMAT, "level": window.level, EXPIRY: expiry}


def level_in(meta: Document) -> int:
    """The level that a meta document names; raises Unreadable."""
    check_format(meta.fields, FORMAT)
    return whole(meta.fields, "level")


def named_in(document: Document) -> Iterator[str]:
    """The documents that a bucket's document refers to: its chunks, and its further parts; raises
    Unreadable."""
    if "~" in document.id:
        return
    check_format(document.fields, FORMAT)
    yield from (chunk_name(document.name, number) for number in range(whole(document.fields, "chunks")))
    if "+" not in document.id:
        yield from (
            part_name(document.name, number) for number in range(1, whole(document.fields, "parts") + 1)
        )


def parts_of(documents: Mapping[str, Document], bucket: str) -> list[Document]:
    """A bucket's parts among these documents, which have all of them."""
    further = whole(documents[bucket].fields, "parts")
    return [documents[part_name(bucket, number)] for number in range(further + 1)]


def chunks_of(documents: Mapping[str, Document], part: str) -> list[Document]:
    """A part's chunks among these documents, which have all of them."""
    count = whole(documents[part].fields, "chunks")
    return [documents[chunk_name(part, number)] for number in range(count)]


def seen_in(document: Document) -> list[bytes]:
    """The digests in a part or a chunk; raises Unreadable."""
    return [digest for (digest,) in iter_unpack(f"{DIGEST_BYTES}s", _seen(document))]


def sees(document: Document, digest: bytes) -> bool:
    """Whether a part or a chunk has this digest, without a list of all; raises Unreadable."""
    seen = _seen(document)
    at = seen.find(digest)
    while at > 0 and at % DIGEST_BYTES:  # from the middle of one into the next
        at = seen.find(digest, at + 1)
    return at >= 0


def _seen(document: Document) -> bytes:
    seen = binary(document.fields, "seen")
    if len(seen) % DIGEST_BYTES:
        raise Unreadable(
            f"{document.name} has {len(seen)} bytes of digests, {DIGEST_BYTES} each were expected"
        )
    return seen
