"""What the flush keeps besides the windows, and the fence of every write to them. Pure.

    flush/{g}.{s}                                  the control document of shard s
    flush/layout                                   the generations g: which windows have how many shards

Beside them, window_state/ has the windows themselves (shared/windows/bucket_documents.py).
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from hashlib import blake2b

import orjson

from shared.windows.documents import Fields, Reading, Unreadable, binary, check_format, text, whole

FORMAT = 1
LAYOUT = "flush/layout"
LOCATIONS_A_BUCKET = 430
"""The aim: 55,000 locations are 128 documents of about 100 kB."""
EVENTS_A_BUCKET = 100_000
"""The aim for few locations with many events: a bucket is in memory as a whole, 105 bytes a digest."""
MAX_LEVEL = 12
DAY = 24 * 3600 * 1_000_000
KEEP_SETTLED = 31 * DAY
"""Microseconds. As long as Pub/Sub may deliver an event again: a topic's longest retention, for a seek."""
KEEP_OPEN = 60 * DAY
"""Until a window is settled its state must not expire: allowed lateness may be 7 days, and the flush away for
as long as the log is kept."""
KEEP_BEHIND = 7 * DAY
"""A bucket's further parts live for so much longer than its first one, which names them: what has expired is
deleted in any order, mostly within a day."""

EVER = 2**62
"""Later than any window, in microseconds."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the `of` shards of a generation; each folds the locations whose hash falls to its number."""

    number: int = 0
    of: int = 1
    generation: int = 0

    @property
    def name(self) -> str:
        return f"{self.generation}.{self.number}"

    @property
    def control(self) -> str:
        """The name of its control document."""
        return f"flush/{self.name}"

    def holds(self, hashed: int) -> bool:
        return (hashed >> 32) % self.of == self.number


def location_hash(location_id: str) -> int:
    """64 bits: the upper half picks the shard, the lower the bucket."""
    return int.from_bytes(blake2b(location_id.encode(), digest_size=8).digest(), "big")


def bucket_of(hashed: int, level: int) -> int:
    """The bucket of a location in a window with 2^level buckets."""
    return hashed & ((1 << level) - 1)


def level_for(locations: int, events: int = 0) -> int:
    """The level at which a bucket has about LOCATIONS_A_BUCKET locations and EVENTS_A_BUCKET events at
    most."""
    buckets = max(-(-locations // LOCATIONS_A_BUCKET), -(-events // EVENTS_A_BUCKET))
    return min(MAX_LEVEL, max(0, buckets - 1).bit_length())


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window that is not settled."""

    level: int
    locations: int = 0
    """About how many it holds; the next window's level is guessed from it."""
    has_ended: bool = False
    """Its on_time panes are emitted, all of them."""
    events: int = 0
    """About how many it counts, for the same guess."""


_OPEN_WINDOW = len(OpenWindow.__dataclass_fields__)

Bucket = tuple[int, int]
"""A window's start and the number of a bucket of it."""


@dataclass(frozen=True, slots=True)
class Control:
    """The flush's own state, and the fence of every write that a flush makes; times in microseconds.

    `number` is the flush that began last, `emitted` the last whose panes are all written; `pending` names the
    buckets that were saved since and may have panes to emit.
    """

    number: int = 0
    emitted: int = 0
    holder: str = ""
    lease_until: int = 0
    cursor: str = ""
    """The id of the last segment that is folded for good."""
    watermark: int = 0
    """Every slice of the log that begins before it is folded."""
    ahead: frozenset[bytes] = frozenset()
    """The segments behind the cursor that are folded all the same, by `segment_key`: their slices were not
    sealed, so the next flush lists them again."""
    windows: Mapping[int, OpenWindow] = field(default_factory=dict)
    pending: frozenset[Bucket] = frozenset()
    settled_before: int = -EVER
    """Windows that begin before this are settled for good."""
    locations: int = 0
    """About how many its newest windows hold: by it the first window after a pause, or of new shards, is
    cut."""
    events: int = 0
    """The same of the events."""

    def has_settled(self, start: int) -> bool:
        """Whether the window is settled, for good: by the allowed lateness that the flush had, whatever it or
        who asks has now."""
        return start < self.settled_before

    def to_fields(self) -> dict[str, bytes | str | int]:
        windows = [
            (start, window.level, window.locations, window.has_ended, window.events)
            for start, window in sorted(self.windows.items())
        ]
        return {
            "format": FORMAT,
            "number": self.number,
            "emitted": self.emitted,
            "holder": self.holder,
            "lease_until": self.lease_until,
            "cursor": self.cursor,
            "watermark": self.watermark,
            "settled_before": self.settled_before,
            "ahead": b"".join(sorted(self.ahead)),
            "locations": self.locations,
            "events": self.events,
            "windows": orjson.dumps(windows).decode(),
            "pending": orjson.dumps(sorted(self.pending)).decode(),
        }

    @classmethod
    def found_in(cls, reading: Reading, shard: Shard) -> "Control":
        """The shard's, or a new one where the reading has none; raises Unreadable."""
        document = reading.documents.get(shard.control)
        return cls() if document is None else cls.from_fields(document.fields)

    @classmethod
    def from_fields(cls, fields: Fields) -> "Control":
        """The inverse; what a release added within the format is left out here, or was there. Raises
        Unreadable."""
        check_format(fields, FORMAT)
        try:
            windows = {
                start: OpenWindow(*rest[:_OPEN_WINDOW])
                for start, *rest in orjson.loads(text(fields, "windows"))
            }
            pending = frozenset((start, bucket) for start, bucket in orjson.loads(text(fields, "pending")))
        except (ValueError, TypeError) as error:
            raise Unreadable(f"the control document is damaged ({type(error).__name__}: {error})") from error
        return cls(
            number=whole(fields, "number"),
            emitted=whole(fields, "emitted"),
            holder=text(fields, "holder"),
            lease_until=whole(fields, "lease_until"),
            cursor=text(fields, "cursor"),
            watermark=whole(fields, "watermark"),
            settled_before=whole({"settled_before": -EVER, **fields}, "settled_before"),
            ahead=_keys_in(binary(fields, "ahead")),
            locations=whole(fields, "locations"),
            events=whole({"events": 0, **fields}, "events"),
            windows=windows,
            pending=pending,
        )


_KEY_BYTES = 8


def segment_key(segment_id: str) -> bytes:
    """Eight bytes for a segment's id: among the thousands of a minute two agree once in 10^12 minutes."""
    return blake2b(segment_id.encode(), digest_size=_KEY_BYTES).digest()


def _keys_in(data: bytes) -> frozenset[bytes]:
    return frozenset(data[at : at + _KEY_BYTES] for at in range(0, len(data), _KEY_BYTES))


@dataclass(frozen=True, slots=True)
class Generation:
    """The windows that begin in [since, until) have so many shards."""

    number: int = 0
    since: int = -EVER
    until: int = EVER
    shards: int = 1

    def all(self) -> list[Shard]:
        return [Shard(number, self.shards, self.number) for number in range(self.shards)]

    def shard_of(self, hashed: int) -> Shard:
        return next(shard for shard in self.all() if shard.holds(hashed))

    def __contains__(self, start: int) -> bool:
        return self.since <= start < self.until


@dataclass(frozen=True, slots=True)
class Layout:
    """The generations in order; without a document there is one, of one shard."""

    generations: tuple[Generation, ...] = (Generation(),)

    def of_window(self, start: int) -> Generation:
        return next(generation for generation in self.generations if start in generation)

    def with_shards(self, shards: int, since: int) -> "Layout":
        """Another generation for the windows from `since` on."""
        *before, last = self.generations
        new = Generation(last.number + 1, since, EVER, shards)
        return Layout((*before, replace(last, until=since), new))

    def to_fields(self) -> dict[str, bytes | str | int]:
        rows = [astuple(generation) for generation in self.generations]
        return {"format": FORMAT, "generations": orjson.dumps(rows).decode()}

    @classmethod
    def found_in(cls, reading: Reading) -> "Layout":
        """The layout, or a new one where the reading has none; raises Unreadable."""
        document = reading.documents.get(LAYOUT)
        return cls() if document is None else cls.from_fields(document.fields)

    @classmethod
    def from_fields(cls, fields: Fields) -> "Layout":
        """Raises Unreadable."""
        check_format(fields, FORMAT)
        try:
            return cls(tuple(Generation(*row) for row in orjson.loads(text(fields, "generations"))))
        except (ValueError, TypeError) as error:
            raise Unreadable(f"{LAYOUT} is damaged ({type(error).__name__}: {error})") from error
