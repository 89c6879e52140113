"""The flush's largest documents, through the adapter, on the stand-in and on the emulator."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from google.cloud.firestore import AsyncClient

from shared.gcp.firestore import CHUNK, WindowLog, WindowStore
from shared.windows.key import DIGEST_BYTES, WindowKey, digest
from shared.windows.log import Contribution, decode_segment
from shared.windows.state import Control, StateDocument

NOW = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
LONGEST = "\x00"
"""The character with the longest JSON: six bytes."""


def state(key: WindowKey, seen: bytes, expire_at: datetime, stored_chunks: int = 0) -> StateDocument:
    return StateDocument(key, "{}", seen, 1, 1, "early", False, NOW, expire_at, stored_chunks)


def digests(count: int) -> bytes:
    return b"".join(number.to_bytes(DIGEST_BYTES, "big") for number in range(count))


async def save(firestore: AsyncClient, states: Sequence[StateDocument]) -> None:
    store = WindowStore(firestore)
    await store.read_control()
    await store.save(Control(number=1), states)


async def test_digests_that_outgrow_a_document_are_loaded_whole_and_in_order(firestore: AsyncClient) -> None:
    key, per_chunk = WindowKey(0, "busy/1"), CHUNK // DIGEST_BYTES
    await save(firestore, [state(key, digests(per_chunk + 1), NOW)])
    (first,) = (await WindowStore(firestore).load([key])).values()
    assert (first.seen, first.stored_chunks) == (digests(per_chunk + 1), 1)

    await save(firestore, [state(key, digests(2 * per_chunk + 5), NOW, first.stored_chunks)])
    (second,) = await WindowStore(firestore).load_window(0)
    assert (second.seen, second.stored_chunks) == (digests(2 * per_chunk + 5), 2)
    assert len(second.seen_digests()) == 2 * per_chunk + 5


async def test_a_chunk_outlives_every_state_that_refers_to_it(firestore: AsyncClient) -> None:
    # The chunk is written with the window's first pane, the state last of all 7 days and an hour later.
    key = WindowKey(300_000_000, "busy/2")
    await save(firestore, [state(key, digests(CHUNK // DIGEST_BYTES), NOW)])
    (stored,) = (await WindowStore(firestore).load([key])).values()
    last = NOW + timedelta(days=14, hours=1)
    await save(firestore, [state(key, stored.seen, last, stored.stored_chunks)])
    chunks = firestore.collection("window_state", "1970-01-01T00:05:00Z", "seen")
    (chunk,) = [snapshot async for snapshot in chunks.stream()]
    assert chunk.get("expire_at") > last


async def test_the_largest_batch_of_the_longest_names_is_stored(firestore: AsyncClient) -> None:
    longest = [
        Contribution(f"{number:04}" + LONGEST * 252, LONGEST * 128, 0, 0, LONGEST * 128, "generic", 0, 0, {})
        for number in range(1_000)
    ]
    await WindowLog(firestore).append(longest, NOW)
    store = WindowStore(firestore)
    segments = await store.read_segments(100)
    read = [contribution for segment in segments for contribution in decode_segment(segment.data)]
    assert {digest(sent.event_id) for sent in longest} <= {digest(found.event_id) for found in read}
    await store.delete_segments(segments)
