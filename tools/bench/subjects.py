"""What is measured: the functions, and the push requests that load them."""

import base64
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


@dataclass(frozen=True, slots=True)
class Subject:
    """A function and its requests."""

    name: str
    source: Path
    requests: list[bytes]


def subjects() -> list[Subject]:
    """The no-op first: the others are compared with it."""
    now = datetime.now(UTC)
    raw = [_push(number, line) for number, line in enumerate(sample(SAMPLE, 1, now))]
    decoder = Decoder("bench", 262_144, timedelta(minutes=5))
    events = [decoder.decode(decode_request(body), now)[0] for body in raw]
    parsed = [_push(number, encode(event)) for number, event in enumerate(events)]
    return [
        Subject("noop", ROOT / "tools" / "bench" / "noop.py", as_requests(raw)),
        Subject("parse", ROOT / "functions" / "parse" / "main.py", as_requests(raw)),
        Subject("features", ROOT / "functions" / "features" / "main.py", as_requests(parsed)),
    ]


def _push(number: int, data: bytes) -> bytes:
    message = {
        "data": base64.b64encode(data).decode(),
        "messageId": str(number),
        "publishTime": datetime.now(UTC).isoformat(),
        "attributes": {},
    }
    return orjson.dumps({"message": message, "subscription": "projects/p/subscriptions/bench"})
