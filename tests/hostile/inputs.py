"""Hostile inputs, each drawn from the run's seed and its own number: the same two give the same bytes.

An input is a push's body: an event (for `features` as `parse` sends it, for `deadletter` a record) in which
some things are replaced, left out, doubled or damaged, in an envelope that may be odd as well.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from random import Random

import orjson

from shared.dead_letters.record import record_of
from shared.errors import ErrorType, Reject
from shared.events import encode
from shared.message import HEARTBEAT_DATA
from tests.hostile import oddities
from tests.hostile.envelopes import envelope
from tests.unit.builders import DECODER, NOW, message
from tools.sampling.events import EventMaker, line, location_ids

DOORS = ("parse", "features", "deadletter")
_WEIGHTS = (70, 20, 10)
_GOOD = 400
"""Events that inputs are made from."""


@dataclass(frozen=True, slots=True)
class Input:
    """A push: `data` is what it carries, between the two halves of its envelope."""

    number: int
    door: str
    """The function that it is sent to."""
    changes: tuple[str, ...]
    """What was done to the good event or delivery; for the report."""
    before: bytes
    data: bytes
    after: bytes

    @property
    def body(self) -> bytes:
        return self.before + b64encode(self.data) + self.after


Member = list[bytes]
"""A name with its quotes, and a value; both as JSON."""


@dataclass(slots=True)
class Draft:
    """An object in the making, and the object in it that has an event's metrics."""

    fields: list[Member]
    metrics: list[Member]

    def text(self) -> bytes:
        return _object([*self.fields, [b'"metrics"', _object(self.metrics)]] if self.metrics else self.fields)


def _object(members: Sequence[Member]) -> bytes:
    return b"{%s}" % b",".join([b"%s:%s" % (name, value) for name, value in members])


def draw(seed: int, number: int) -> Input:
    """The input of this number."""
    rng = Random(seed << 40 | number)
    door = rng.choices(DOORS, _WEIGHTS)[0]
    changes: list[str] = []
    data = _data(rng, door, changes)
    before, after = envelope(rng, door, changes)
    return Input(number, door, tuple(changes), before, data, after)


def _data(rng: Random, door: str, changes: list[str]) -> bytes:
    fields, metrics = rng.choice(_good(door))
    draft = Draft([*fields], [*metrics])
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        change = rng.choices(_CHANGES, _CHANGE_WEIGHTS)[0]
        change(rng, draft)
        changes.append(change.__name__)
    data = draft.text()
    if rng.random() < 0.12:
        damage = rng.choice(_DAMAGES)
        changes.append(damage.__name__)
        return damage(rng, data)
    return data


@cache
def _good(door: str) -> list[tuple[list[Member], list[Member]]]:
    """Good events' members, of the same seed for every run: what differs is done to them."""
    rng = Random(0)
    maker = EventMaker(rng, location_ids(rng, 25))
    texts = [line(maker.event(NOW - timedelta(seconds=rng.randrange(900)))) for _ in range(_GOOD)]
    if door == "features":
        texts = [encode(DECODER.decode(message(text), NOW)[0]) for text in texts]
    if door == "deadletter":
        reject = Reject(ErrorType.SCHEMA_ERROR, "metrics.new_beds: is missing")
        records = [
            record_of(message(text), reject, stage="parse", now=NOW, pipeline_version="1") for text in texts
        ]
        texts = [record.to_json() for record in records]
    return [_members(orjson.loads(text)) for text in texts]


def _members(event: dict[str, object]) -> tuple[list[Member], list[Member]]:
    metrics = event.pop("metrics", {})
    assert isinstance(metrics, dict)
    return _encoded(event), _encoded(metrics)


def _encoded(values: dict[str, object]) -> list[Member]:
    return [[orjson.dumps(name), orjson.dumps(value)] for name, value in values.items()]


def other_field(rng: Random, draft: Draft) -> None:
    _replace(rng, draft.fields, oddities.value(rng))


def other_metric(rng: Random, draft: Draft) -> None:
    _replace(rng, draft.metrics, oddities.value(rng))


def other_time(rng: Random, draft: Draft) -> None:
    times = [place for place, (name, _) in enumerate(draft.fields) if b"timestamp" in name]
    if times:
        place = rng.choice(times)
        draft.fields[place] = [draft.fields[place][0], oddities.time(rng)]


def missing_field(rng: Random, draft: Draft) -> None:
    if draft.fields:
        del draft.fields[rng.randrange(len(draft.fields))]


def other_metrics(rng: Random, draft: Draft) -> None:
    draft.metrics = []
    draft.fields.append([b'"metrics"', oddities.value(rng)])


def other_type(rng: Random, draft: Draft) -> None:
    """The metrics of another event type, or of none."""
    draft.metrics = [*rng.choice(_good("parse"))[1]]


def doubled(rng: Random, draft: Draft) -> None:
    members = draft.metrics if draft.metrics and rng.random() < 0.5 else draft.fields
    if members:
        members.append([rng.choice(members)[0], oddities.value(rng)])


def unknown(rng: Random, draft: Draft) -> None:
    members = draft.metrics if rng.random() < 0.5 else draft.fields
    members.insert(rng.randint(0, len(members)), [b'"%s"' % rng.choice(oddities.NAMES), oddities.value(rng)])


def nesting(rng: Random, draft: Draft) -> None:
    _replace(rng, draft.metrics or draft.fields, oddities.nested(rng))


def big(rng: Random, draft: Draft) -> None:
    _replace(rng, draft.metrics or draft.fields, oddities.big(rng))


def big_generic(rng: Random, draft: Draft) -> None:
    """In an event of no known type, whose metrics may be anything."""
    draft.fields = [member for member in draft.fields if member[0] != b'"event_type"']
    draft.fields.append([b'"event_type"', b'"survey"'])
    draft.metrics = [[b'"value_1"', oddities.big(rng)]]


def _replace(rng: Random, members: list[Member], value: bytes) -> None:
    if members:
        place = rng.randrange(len(members))
        members[place] = [members[place][0], value]


_CHANGES: Sequence[Callable[[Random, Draft], None]] = (
    *(other_field, other_metric, other_time, missing_field, other_metrics, other_type, doubled, unknown),
    *(nesting, big, big_generic),
)
_CHANGE_WEIGHTS = (400, 600, 300, 120, 80, 120, 160, 240, 10, 1, 2)


def truncated(rng: Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def flipped(rng: Random, data: bytes) -> bytes:
    """Some bytes are others."""
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def cut_out(rng: Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randint(1, 20) :]


def noise(rng: Random, _data: bytes) -> bytes:
    return rng.randbytes(rng.randrange(200))


def alone(rng: Random, _data: bytes) -> bytes:
    """No object at all, or a heartbeat's."""
    return HEARTBEAT_DATA if rng.random() < 0.4 else oddities.value(rng)


def wrapped(rng: Random, data: bytes) -> bytes:
    """In another encoding, or in something else."""
    return rng.choice((b"\xef\xbb\xbf%s", b"[%s]", b"%s\x00", b" \n%s\t", b"%s{}", b'{"data":%s}')) % data


_DAMAGES: Sequence[Callable[[Random, bytes], bytes]] = (
    truncated,
    flipped,
    flipped,
    cut_out,
    noise,
    alone,
    wrapped,
)
