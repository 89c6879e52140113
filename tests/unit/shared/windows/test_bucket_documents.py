"""The digests in a bucket's documents."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.windows.bucket_documents import seen_in, sees
from shared.windows.documents import Document, Unreadable

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


def sees_none(document: Document) -> bool:
    return sees(document, bytes(16))


@pytest.mark.parametrize("read", [seen_in, sees_none])
def test_half_a_digest_is_unreadable(read: Callable[[Document], object]) -> None:
    with pytest.raises(Unreadable, match="has 17 bytes of digests, 16 each were expected"):
        read(chunk(bytes(17)))
