"""A segment of the window log: one batch of contributions as bytes, column after column. Pure.

The names of locations, types and categories stand once each in the head, the columns have their indexes.
78 bytes an event, and decoding is a few calls of the standard library a segment instead of some an event.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from struct import pack, unpack

import orjson

from shared.clock import to_micros
from shared.windows.contribution import SUMS, Contribution
from shared.windows.documents import Document, Fields, Unreadable, binary, check_format, whole
from shared.windows.key import DIGEST_BYTES, window_of

FORMAT = 1
MAX_EVENTS = 500
"""A segment's: with the longest names, all of them escaped in JSON, it stays under 850 kB of a document's 1
MiB."""

_INTEGERS = ("event_micros", "arrival_micros", "sum_1", "sum_2", "sum_3", "risk_score", "complexity_score")
"""Columns of 8 bytes."""
_INDEXES = ("location_id", "event_type", "category")
"""Columns of 2 bytes: each value's index among the names in the head."""
_COLUMNS = 1 + len(_INTEGERS) + len(_INDEXES)
_EVENT_BYTES = DIGEST_BYTES + 8 * len(_INTEGERS) + 2 * len(_INDEXES)
_EARLIEST = to_micros(datetime.min.replace(tzinfo=UTC))
_LATEST = window_of(to_micros(datetime.max.replace(tzinfo=UTC)))
"""Event times whose windows begin and end at times."""


def encode(contributions: Sequence[Contribution]) -> dict[str, bytes | str | int]:
    """The fields of a segment's document, all but its expiry."""
    count = len(contributions)
    columns = dict(zip(Contribution._fields, zip(*contributions, strict=True), strict=True))
    names, indexes = zip(*(_indexed(columns[name]) for name in _INDEXES), strict=True)
    integers = [columns[name] for name in _INTEGERS]
    return {
        "format": FORMAT,
        "count": count,
        "head": orjson.dumps(names),
        "events": pack(_layout(count), *chain(columns["digest"], *integers, *indexes)),
    }


def decode(fields: Fields) -> Iterator[Contribution]:
    """The inverse of `encode`; raises Unreadable."""
    try:
        return _decode(fields)
    except (ValueError, TypeError, LookupError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def _decode(fields: Fields) -> Iterator[Contribution]:
    check_format(fields, FORMAT)
    data, count = binary(fields, "events"), whole(fields, "count")
    locations, types, categories = orjson.loads(binary(fields, "head"))
    if not all(isinstance(name, str) for names in (locations, types, categories) for name in names):
        raise Unreadable("its head has names that are not texts")
    if not set(categories) <= SUMS.keys():
        raise Unreadable(f"this release knows no category {', '.join(sorted(set(categories) - SUMS.keys()))}")
    if count < 0 or len(data) != count * _EVENT_BYTES:
        raise Unreadable(f"it has {len(data)} bytes for {count} events")
    values = unpack(_layout(count), data)
    columns = [values[place * count : (place + 1) * count] for place in range(_COLUMNS)]
    digests, event, arrival, sum_1, sum_2, sum_3, risk, complexity, location, kind, category = columns
    if count and not (min(event) >= _EARLIEST and max(event) < _LATEST):
        raise Unreadable("it has an event of a time that is none")
    return map(
        tuple.__new__,  # as Contribution._make does, without a Python function for each event
        repeat(Contribution),
        zip(
            [locations[index] for index in location],
            digests,
            event,
            arrival,
            [types[index] for index in kind],
            [categories[index] for index in category],
            risk,
            complexity,
            sum_1,
            sum_2,
            sum_3,
            strict=True,
        ),
    )


def _layout(count: int) -> str:
    """The columns of so many events in the terms of `struct`, little-endian and without padding."""
    return f"<{f'{DIGEST_BYTES}s' * count}{len(_INTEGERS) * count}q{len(_INDEXES) * count}H"


def _indexed(values: Iterable[str]) -> tuple[list[str], list[int]]:
    """The distinct values, and for each its index among them."""
    places: dict[str, int] = {}
    indexes = [places.setdefault(value, len(places)) for value in values]
    return list(places), indexes


def events_in(document: Document) -> int:
    """How many events a segment says it has; for bounding what is read at once."""
    count = document.fields.get("count")
    return count if isinstance(count, int) and count >= 0 else 0
