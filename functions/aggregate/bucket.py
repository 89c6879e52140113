"""One bucket of a window's locations as documents: what is folded into it, and what it fires.

    {bucket}          entries {location: window}, the digests of their events as far as no chunk holds them
    {bucket}+{n}      the same for locations that no longer fit the one before
    {part}~{n}        25,000 digests, written once

An entry and its events' digests are always in one document, and the documents of a save are written in an
order in which each leaves the bucket whole: a large one takes several commits, with a crash between any two.
Pure.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

import orjson

from functions.aggregate.triggers import Progress, due
from functions.aggregate.window import Window, stored_fields
from shared.windows.bucket_documents import chunk_name, chunks_of, part_name, parts_of, seen_in
from shared.windows.contribution import Contribution
from shared.windows.documents import EXPIRY, Document, Fields, Unreadable, Write, binary, check_format, whole
from shared.windows.key import WINDOW_MICROS
from shared.windows.state import FORMAT, KEEP_BEHIND, KEEP_OPEN, KEEP_SETTLED, Bucket

CHUNK = 25_000
"""Digests in a chunk: 400 kB, as much as a part's own tail of them has at most."""
MAX_ENTRIES = 550_000
"""Bytes of entries in a part; with its tail of digests it stays under the 1 MiB of a document. One entry
alone is far smaller: its type names are bounded (functions/aggregate/window.py)."""
_ARRIVAL = Contribution._fields.index("arrival_micros")
"""From here on copies of an event may differ."""


class Added(StrEnum):
    """What became of an event that met its window."""

    COUNTED = "counted"
    DUPLICATE = "duplicate"
    TOO_LATE = "too_late"
    """The window is settled, and without it."""


@dataclass(slots=True)
class Part:
    """One document of a bucket."""

    name: str
    windows: dict[str, Window] = field(default_factory=dict)
    tail: list[bytes] = field(default_factory=list)
    """Digests that are in no chunk."""
    fresh: dict[str, list[bytes]] = field(default_factory=dict)
    """Digests that came in since, by location: they stay with its entry."""
    chunks: int = 0
    is_changed: bool = False


class Pane(NamedTuple):
    """Whose it is, and the window as it is emitted."""

    location_id: str
    start: int
    window: Window
    has_new: bool = True
    """Whether it says something else than the pane before it, as far as is known."""


class BucketState:
    """A bucket in memory, from its documents; a new one has an empty first part."""

    def __init__(self, key: Bucket, name: str) -> None:
        self.key = key
        self._name = name
        self._parts = [Part(name)]
        self._stored = 1
        self._seen: set[bytes] = set()
        self._part_of: dict[str, Part] = {}
        self._new: dict[str, Window] = {}
        self.added: Counter[Added] = Counter()
        self.too_late: list[Contribution] = []
        self.fired: list[Pane] = []
        self.born = 0
        """Locations that this state did not hold when it was read."""

    @classmethod
    def of(cls, key: Bucket, name: str, documents: Mapping[str, Document]) -> "BucketState":
        """From the bucket's documents among these, chunks included; raises Unreadable."""
        bucket = cls(key, name)
        if name not in documents:
            return bucket
        bucket._parts = [_decode(document) for document in parts_of(documents, name)]
        bucket._stored = len(bucket._parts)
        for part in bucket._parts:
            for moved in bucket._part_of.keys() & part.windows.keys():
                del bucket._part_of[moved].windows[moved]
            bucket._seen.update(part.tail)
            for chunk in chunks_of(documents, part.name):
                bucket._seen.update(seen_in(chunk))
            bucket._part_of.update(dict.fromkeys(part.windows, part))
        return bucket

    @property
    def locations(self) -> int:
        return len(self._part_of)

    def windows(self) -> Iterator[tuple[str, Window]]:
        """Every location's window."""
        return (entry for part in self._parts for entry in part.windows.items())

    def holds(self, digest: bytes) -> bool:
        """Whether an event is counted."""
        return digest in self._seen

    def fold(self, events: Mapping[str, Sequence[Contribution]]) -> None:
        """Counts each event once, by location; of copies in these the first published is the one."""
        offered = found = 0
        late = len(self.too_late)
        for location_id, contributions in events.items():
            fresh = self._fresh(contributions)
            offered += len(contributions)
            if fresh:
                found += len(fresh)
                self._count(location_id, fresh)
        late = len(self.too_late) - late
        self.added[Added.DUPLICATE] += offered - found
        self.added[Added.TOO_LATE] += late
        self.added[Added.COUNTED] += found - late

    def _fresh(self, contributions: Sequence[Contribution]) -> dict[bytes, Contribution]:
        fresh: dict[bytes, Contribution] = {}
        for event in contributions:
            if event.digest in self._seen:
                continue
            first = fresh.get(event.digest)
            if first is None or event[_ARRIVAL:] < first[_ARRIVAL:]:
                fresh[event.digest] = event
        return fresh

    def _count(self, location_id: str, fresh: Mapping[bytes, Contribution]) -> None:
        part = self._part_of.get(location_id) or self._place(location_id)
        window = part.windows[location_id]
        if window.is_final:
            self.too_late += fresh.values()
            return
        end = self.key[0] + WINDOW_MICROS
        for event in fresh.values():
            window.add(event, end)
        part.fresh.setdefault(location_id, []).extend(fresh)
        part.is_changed = True
        self._seen.update(fresh)
        self._new[location_id] = window

    def _place(self, location_id: str) -> Part:
        """The part that a new location goes to, with its empty window."""
        part = self._parts[-1]
        part.windows[location_id] = Window()
        self._part_of[location_id] = part
        self.born += 1
        return part

    def fire(self, progress: Progress, flush: int, has_ended: bool = False) -> None:
        """Takes the panes that are due; of all windows when time alone makes some due, else of the changed
        ones.

        `has_ended` says that the window's on_time panes came before: a flush that does not read to the log's
        end sees less of the time than the one before it.
        """
        start = self.key[0]
        has_ended, settles = has_ended or progress.has_ended(start), progress.is_settled(start)
        candidates = list(self.windows()) if has_ended else list(self._new.items())
        for location_id, window in candidates:
            has_new = location_id in self._new
            owed = due(window, has_new, has_ended, settles)
            if owed is not None:
                window.fire(*owed, progress.now, flush)
                self._part_of[location_id].is_changed = True
                self.fired.append(Pane(location_id, start, window, has_new))

    def replace(self, location_id: str, window: Window, digests: Sequence[bytes]) -> None:
        """Puts another window in a location's place, and counts these events."""
        part = self._part_of.get(location_id) or self._place(location_id)
        part.windows[location_id] = window
        added = [digest for digest in digests if digest not in self._seen]
        part.fresh.setdefault(location_id, []).extend(added)
        self._seen.update(added)
        part.is_changed = True

    def emitted_since(self, flush: int) -> list[Pane]:
        """The last panes that a later flush than this made."""
        return [
            Pane(location_id, self.key[0], window)
            for location_id, window in self.windows()
            if window.flush > flush
        ]

    def writes(self, now: int, is_settled: bool) -> list[Write]:
        """The documents that have changed, in an order in which any first few of them leave the bucket whole.

        New parts, which nothing refers to yet; then the first, which does; then those that locations moved
        out of: until then these are in two parts, and the later one counts.
        """
        expiry = now + (KEEP_SETTLED if is_settled else KEEP_OPEN)
        entries = self._fitting_entries()
        first, *others = self._parts
        new, old = others[self._stored - 1 :], others[: self._stored - 1]
        return [
            write
            for part in (*new, first, *old)
            if part.name in entries
            for write in _encode(
                part,
                entries[part.name],
                further=len(others),
                expiry=expiry if part is first else expiry + KEEP_BEHIND,
            )
        ]

    def _fitting_entries(self) -> dict[str, "_Entries"]:
        """Each changed part's entries, by its name; of one with too many for a document half move to a new
        part, until all fit."""
        fitting: dict[str, _Entries] = {}
        waiting = [part for part in self._parts if part.is_changed]
        while waiting:
            part = waiting.pop()
            entries = _Entries.of(part.windows)
            if len(entries.text) <= MAX_ENTRIES or len(part.windows) == 1:
                fitting[part.name] = entries
            else:
                waiting += [part, self._split(part)]
        first = self._parts[0]
        if first.is_changed and first.name not in fitting:  # by a split of another
            fitting[first.name] = _Entries.of(first.windows)
        return fitting

    def _split(self, part: Part) -> Part:
        """The new last part, to which half of the locations go with the digests of their new events; older
        ones stay, for a bucket is read whole."""
        moved = list(part.windows)[len(part.windows) // 2 :]
        new = Part(part_name(self._name, len(self._parts)), is_changed=True)
        for location_id in moved:
            new.windows[location_id] = part.windows.pop(location_id)
            new.fresh[location_id] = part.fresh.pop(location_id, [])
            self._part_of[location_id] = new
        self._parts.append(new)
        self._parts[0].is_changed = True  # it says how many there are
        return new


@dataclass(frozen=True, slots=True)
class _Entries:
    """A part's windows as JSON; `wide` where a sum has more than 64 bits, which orjson neither writes nor
    reads."""

    text: bytes
    wide: bool

    @classmethod
    def of(cls, windows: Mapping[str, Window]) -> "_Entries":
        rows = {location_id: stored_fields(window) for location_id, window in windows.items()}
        try:
            return cls(orjson.dumps(rows), wide=False)
        except TypeError:
            return cls(json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode(), wide=True)


def _encode(part: Part, entries: _Entries, further: int, expiry: int) -> Iterator[Write]:
    tail, chunks = [*part.tail, *chain.from_iterable(part.fresh.values())], part.chunks
    while len(tail) >= CHUNK:
        # A chunk is written once, its part again and again with a later expiry: it must live longer.
        chunk: Fields = {"seen": b"".join(tail[:CHUNK]), EXPIRY: expiry + KEEP_OPEN}
        yield Write(chunk_name(part.name, chunks), chunk)
        tail, chunks = tail[CHUNK:], chunks + 1
    fields: Fields = {
        "format": FORMAT,
        "entries": entries.text,
        "wide": int(entries.wide),
        "seen": b"".join(tail),
        "chunks": chunks,
        "parts": further,
        EXPIRY: expiry,
    }
    yield Write(part.name, fields)


def _decode(document: Document) -> Part:
    fields = document.fields
    check_format(fields, FORMAT)
    text = binary(fields, "entries")
    try:
        rows = json.loads(text) if fields.get("wide") else orjson.loads(text)
        windows = {location_id: Window(*row) for location_id, row in rows.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise Unreadable(f"{document.name}: {type(error).__name__}: {error}") from error
    return Part(document.name, windows, seen_in(document), chunks=whole(fields, "chunks"))
