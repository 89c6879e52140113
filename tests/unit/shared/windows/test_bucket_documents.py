"""The digests in a bucket's documents."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.windows.bucket_documents import level_in, seen_in, sees
from shared.windows.documents import Document, Unreadable
from shared.windows.state import FORMAT

DIGESTS = st.lists(st.sampled_from([b"a", b"b"]), min_size=16, max_size=16).map(b"".join)
"""Of two letters, so that one is often found across two others."""


def chunk(seen: bytes) -> Document:
    return Document("window_state/a~0", {"seen": seen}, created_at=0, version=1)


@given(st.lists(DIGESTS, max_size=6), DIGESTS)
def test_a_digest_is_found_where_one_begins(digests: list[bytes], digest: bytes) -> None:
    document = chunk(b"".join(digests))
    assert seen_in(document) == digests
    assert sees(document, digest) == (digest in digests)


def test_a_digest_is_not_found_across_two_others() -> None:
    digest = b"ab" * 8
    across = b"b" + digest + b"a" * 15
    assert not sees(chunk(across), digest)
    assert sees(chunk(across + digest), digest)


def test_a_digest_is_found_behind_one_that_ends_as_it_begins() -> None:
    digest = b"a" * 16
    assert sees(chunk(b"b" * 8 + b"a" * 8 + digest), digest)


def test_a_settled_windows_number_of_buckets_is_read_from_a_document_of_this_release_alone() -> None:
    meta = Document("window_state/meta", {"format": FORMAT, "level": 3}, created_at=0, version=1)
    assert level_in(meta) == 3
    with pytest.raises(Unreadable):
        level_in(replace(meta, fields={"format": FORMAT + 1, "level": 3}))


def sees_none(document: Document) -> bool:
    return sees(document, bytes(16))


@pytest.mark.parametrize("read", [seen_in, sees_none])
def test_half_a_digest_is_unreadable(read: Callable[[Document], object]) -> None:
    with pytest.raises(Unreadable, match="has 17 bytes of digests, 16 each were expected"):
        read(chunk(bytes(17)))
