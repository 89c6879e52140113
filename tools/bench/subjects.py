"""What is measured: the functions, and the push requests that load them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from functions.parse.decoding import Decoder
from shared.delivery.envelope import decode_request
from shared.events import encode
from tools.bench.load import as_requests
from tools.paths import ROOT
from tools.sampling.mix import Recipe, sample

SAMPLE = Recipe(lines=5_000, locations=500)
"""Events of all types, sent over and over. All are good: a dead letter costs an extra publish."""


NOOP = "noop"
BEFORE = " before"
"""Ends the names of the other checkout's functions."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A function and its requests."""

    name: str
    target: str
    """The entry point's name."""
    root: Path
    """The checkout that it is imported from."""
    source: Path
    requests: list[bytes]


def subjects(names: Sequence[str], against: Path | None = None) -> list[Subject]:
    """The no-op first: the others are compared with it. Each is followed by the same function of the checkout
    `against`, if there is one."""
    now = datetime.now(UTC)
    raw = [_push(number, line) for number, line in enumerate(sample(SAMPLE, 1, now))]
    decoder = Decoder("bench", 262_144, timedelta(minutes=5))
    events = [decoder.decode(decode_request(body), now)[0] for body in raw]
    parsed = [_push(number, encode(event)) for number, event in enumerate(events)]
    requests = {"parse": as_requests(raw), "features": as_requests(parsed)}
    found = [Subject(NOOP, NOOP, ROOT, ROOT / "tools" / "bench" / "noop.py", as_requests(raw))]
    for name in names:
        found += [
            Subject(name + suffix, name, root, root / "functions" / name / "main.py", requests[name])
            for suffix, root in (("", ROOT), (BEFORE, against))
            if root is not None
        ]
    return found


def _push(number: int, data: bytes) -> bytes:
    message = {
        "data": base64.b64encode(data).decode(),
        "messageId": str(number),
        "publishTime": datetime.now(UTC).isoformat(),
        "attributes": {},
    }
    return orjson.dumps({"message": message, "subscription": "projects/p/subscriptions/bench"})
