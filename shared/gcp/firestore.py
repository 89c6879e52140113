"""The Firestore adapter, the only importer of its client: the window log and the flush's documents.

    window_log/{uuid}                              segments, made by features, deleted by the flush
    window_state/{window start}/locations/{…}      accumulators
    window_state/{window start}/seen/{…}~{n}       digests that no longer fit the accumulator's document
    flush/control                                  lease, numbers, open windows

No query filters or sorts by a field, so every field is exempt from indexes (terraform/firestore.tf).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

from google.api_core.exceptions import (
    AlreadyExists,
    FailedPrecondition,
    GoogleAPICallError,
    NotFound,
    RetryError,
)
from google.cloud.firestore import AsyncClient, AsyncDocumentReference, AsyncWriteBatch, DocumentSnapshot

from shared.clock import from_micros, to_micros
from shared.errors import Retry
from shared.windows.key import DIGEST_BYTES, WindowKey, digest
from shared.windows.log import Contribution, encode_segment
from shared.windows.state import Control, FencedOut, Segment, StateDocument

APPEND_TIMEOUT = 8.0
"""Seconds in which a segment is stored or given up: part of the flush's close_grace of 30 s."""
FLUSH_TIMEOUT = 30.0
"""Seconds for one of the flush's calls; it may carry megabytes."""
CHUNK = 25_000 * DIGEST_BYTES
"""Bytes of digests a document holds: 400 kB, with the accumulator's 0.5 MB at most under the 1 MiB."""
_CHUNK_OUTLIVES = timedelta(days=30)
"""A chunk is written once, its state again and again with a later expiry; a state without its chunks would be
unreadable, so they stay for longer than any window is open and kept."""
_MAX_SEGMENT_EVENTS = 300
"""At 3.2 kB for the longest names, all of them escaped, a segment stays under the 1 MiB of a document."""
_MAX_WRITES = 400
_MAX_COMMIT_BYTES = 3_500_000
"""A commit may have 10 MiB on Firestore, but only 4 MiB on its emulator."""
_MAX_KEYS = 300
"""Documents a BatchGetDocuments asks for, so that its answer stays well under gRPC's message limit."""


T = TypeVar("T")

Snapshot: TypeAlias = "DocumentSnapshot[AsyncDocumentReference]"


def connect(project: str, database: str) -> AsyncClient:
    """A client for the running loop; FIRESTORE_EMULATOR_HOST is the library's own variable."""
    return AsyncClient(project=project, database=database)


class _Windows:
    """What both sides share: where states lie and how they are read."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def _state(self, key: WindowKey) -> AsyncDocumentReference:
        return self._client.document(
            "window_state", _window_id(key.start), "locations", _location_id(key.location_id)
        )

    def _chunk(self, key: WindowKey, number: int) -> AsyncDocumentReference:
        name = f"{_location_id(key.location_id)}~{number}"
        return self._client.document("window_state", _window_id(key.start), "seen", name)

    async def load(self, keys: Iterable[WindowKey]) -> dict[WindowKey, StateDocument]:
        """The stored windows of these keys; a key without one is left out. Raises Retry."""
        found: dict[WindowKey, StateDocument] = {}
        for some in _in_groups(list(keys), _MAX_KEYS):
            async with _errors("reading window states"):
                async for snapshot in self._client.get_all(
                    [self._state(key) for key in some], timeout=FLUSH_TIMEOUT
                ):
                    if snapshot.exists:
                        state = await self._read_state(snapshot)
                        found[state.key] = state
        return found

    async def _read_state(self, snapshot: Snapshot) -> StateDocument:
        fields: dict[str, Any] = snapshot.to_dict() or {}
        key = WindowKey(fields["window_start"], fields["location_id"])
        chunks = [self._chunk(key, number) for number in range(fields["stored_chunks"])]
        contents: dict[str, bytes] = {}
        if chunks:
            async for chunk in self._client.get_all(chunks, timeout=FLUSH_TIMEOUT):
                contents[chunk.id] = (chunk.to_dict() or {})["seen"]
        return StateDocument(
            key=key,
            accumulator=fields["accumulator"],
            seen=b"".join(contents[chunk.id] for chunk in chunks) + fields["seen"],
            revision=fields["revision"],
            flush=fields["flush"],
            pane=fields["pane"],
            is_final=fields["is_final"],
            emitted_at=from_micros(fields["emitted_at"]),
            expire_at=fields["expire_at"],
            stored_chunks=len(chunks),
        )


class WindowLog(_Windows):
    """The hot path's side: append only."""

    async def append(self, contributions: Sequence[Contribution], now: datetime) -> None:
        """Stores one segment (more of an outsized batch); returns when all is durable. Raises Retry.

        `create` with a fresh id: when the answer of a commit is lost and the library tries again, the
        second try finds the document there, which says that the first one succeeded.
        """
        async with _errors("appending to the window log", APPEND_TIMEOUT):
            for some in _in_groups(contributions, _MAX_SEGMENT_EVENTS):
                segment = self._client.collection("window_log").document(uuid4().hex)
                fields = {"contributions": encode_segment(some), "count": len(some), "appended_at": now}
                with suppress(AlreadyExists):
                    await segment.create(fields, timeout=APPEND_TIMEOUT)

    async def counted(self, contributions: Sequence[Contribution]) -> list[bool]:
        """For each event, whether its window holds it already. Raises Retry."""
        async with _errors("looking for late events", APPEND_TIMEOUT):
            states = await self.load({one.key for one in contributions})
        seen = {key: state.seen_digests() for key, state in states.items()}
        return [digest(one.event_id) in seen.get(one.key, {}) for one in contributions]


def window_log(project: str, database: str) -> WindowLog:
    """The hot path's side, for the running loop."""
    return WindowLog(connect(project, database))


class WindowStore(_Windows):
    """The flush's side; one instance a flush, for it holds the fence."""

    def __init__(self, client: AsyncClient) -> None:
        super().__init__(client)
        self._fence: object = None

    @property
    def _control(self) -> AsyncDocumentReference:
        return self._client.document("flush", "control")

    async def read_control(self) -> Control:
        """The control document, which is from now on the fence of this store's writes. Raises Retry."""
        async with _errors("reading flush/control"):
            snapshot = await self._control.get(timeout=FLUSH_TIMEOUT)
        self._fence = snapshot.update_time if snapshot.exists else None
        fields: dict[str, Any] = snapshot.to_dict() or {}
        return (
            Control(**fields | {"open": tuple(fields["open"]), "ended": tuple(fields["ended"])})
            if fields
            else Control()
        )

    async def save(self, control: Control, states: Sequence[StateDocument] = ()) -> None:
        """Writes the states and, with each commit of them, the control document.

        Raises FencedOut when another flush wrote the control document in between (nothing of that commit is
        stored then), and Retry.
        """
        for group in _commits(states):
            batch = self._client.batch()
            self._write_control(batch, control)
            for state in group:
                self._write_state(batch, state)
            async with _errors("saving window states"):
                try:
                    results = await batch.commit(timeout=FLUSH_TIMEOUT)
                except (AlreadyExists, FailedPrecondition, NotFound) as error:
                    raise FencedOut("another flush has taken over") from error
            self._fence = results[0].update_time

    def _write_control(self, batch: AsyncWriteBatch, control: Control) -> None:
        fields = {
            "number": control.number,
            "emitted": control.emitted,
            "holder": control.holder,
            "lease_until": control.lease_until,
            "open": list(control.open),
            "ended": list(control.ended),
        }
        if self._fence is None:
            batch.create(self._control, fields)
        else:
            batch.update(
                self._control, fields, option=self._client.write_option(last_update_time=self._fence)
            )

    def _write_state(self, batch: AsyncWriteBatch, state: StateDocument) -> None:
        full = len(state.seen) // CHUNK
        for number in range(state.stored_chunks, full):
            chunk = state.seen[number * CHUNK : (number + 1) * CHUNK]
            batch.set(
                self._chunk(state.key, number),
                {"seen": chunk, "expire_at": state.expire_at + _CHUNK_OUTLIVES},
            )
        batch.set(
            self._state(state.key),
            {
                "window_start": state.key.start,
                "location_id": state.key.location_id,
                "accumulator": state.accumulator,
                "seen": state.seen[full * CHUNK :],
                "stored_chunks": full,
                "revision": state.revision,
                "flush": state.flush,
                "pane": state.pane,
                "is_final": state.is_final,
                "emitted_at": to_micros(state.emitted_at),
                "expire_at": state.expire_at,
            },
        )

    async def load_window(self, start: int) -> list[StateDocument]:
        """Every location's state of one window. Raises Retry."""
        states = self._client.collection("window_state", _window_id(start), "locations")
        async with _errors("reading window states"):
            return [
                await self._read_state(snapshot) async for snapshot in states.stream(timeout=FLUSH_TIMEOUT)
            ]

    async def read_segments(self, limit: int) -> list[Segment]:
        """Up to `limit` unfolded segments, in no particular order. Raises Retry."""
        query = self._client.collection("window_log").limit(limit)
        async with _errors("reading the window log"):
            return [_segment(snapshot) async for snapshot in query.stream(timeout=FLUSH_TIMEOUT)]

    async def delete_segments(self, segments: Sequence[Segment]) -> None:
        """Deletes folded segments. Raises Retry."""
        for some in _in_groups(segments, _MAX_WRITES):
            batch = self._client.batch()
            for segment in some:
                batch.delete(self._client.document("window_log", segment.segment_id))
            async with _errors("deleting folded segments"):
                await batch.commit(timeout=FLUSH_TIMEOUT)


def _segment(snapshot: Snapshot) -> Segment:
    fields: dict[str, Any] = snapshot.to_dict() or {}
    return Segment(snapshot.id, fields["contributions"], fields["appended_at"])


def _window_id(start: int) -> str:
    return from_micros(start).strftime("%Y-%m-%dT%H:%M:%SZ")


def _location_id(location_id: str) -> str:
    """A document id may hold no slash and be no `.`, `..` or `__…__`; the prefix sees to the latter."""
    return "@" + location_id.replace("%", "%25").replace("/", "%2F")


def _in_groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _commits(states: Sequence[StateDocument]) -> Iterator[Sequence[StateDocument]]:
    """Groups of states that fit one commit; one empty group when there are none, for the control alone."""
    group: list[StateDocument] = []
    size = 0
    for state in states:
        own = len(state.accumulator) + len(state.seen) - state.stored_chunks * CHUNK + 500
        if group and (len(group) == _MAX_WRITES or size + own > _MAX_COMMIT_BYTES):
            yield group
            group, size = [], 0
        group.append(state)
        size += own
    yield group


@asynccontextmanager
async def _errors(what: str, seconds: float | None = None) -> AsyncIterator[None]:
    """Every failure of the service becomes Retry: what is asked of it here may succeed later.

    `seconds` (FLUSH_TIMEOUT unless given) bounds the whole, which a call's own timeout does not: that is of
    one try, and the library tries again for minutes.
    """
    seconds = seconds or FLUSH_TIMEOUT
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise Retry(f"{what} in Firestore took longer than {seconds:g} s") from error
    except (GoogleAPICallError, RetryError) as error:
        raise Retry(f"{what} in Firestore failed: {error}") from error
