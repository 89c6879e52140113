"""What is measured: the functions, and the events that load them."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import orjson

from functions.deadletter.recording import REMEMBERED
from functions.parse.decoding import Decoder
from shared.dead_letters.record import RECORD_ATTRIBUTE, RECORD_KIND, record_of
from shared.delivery.envelope import decode_request
from shared.errors import ErrorType, Reject
from shared.events import encode
from shared.message import Message
from tools.bench.drivers import Pulled, Pushed, Subject
from tools.bench.feed import Subscriber
from tools.bench.load import as_requests
from tools.local.parts import PROJECT
from tools.paths import ROOT
from tools.sampling.mix import Recipe, sample

SAMPLE = Recipe(lines=5_000, locations=500)
"""Events of all types, sent over and over. All are good: a dead letter costs an extra publish."""
DEAD_LETTERS = replace(SAMPLE, lines=REMEMBERED + 1_000)
"""`deadletter` does not write again what it remembers: a message id comes back after it is forgotten."""

NOOP = "noop"
PULLS = "-pull"
"""Ends the names of functions that pull."""
BEFORE = " before"
"""Ends the names of the other checkout's functions."""
_PROGRAM = Path("functions", "pulling.py")
"""Pulls; another checkout may be older."""
FORWARDED = {
    "CloudPubSubDeadLetterSourceDeliveryCount": "10",
    "CloudPubSubDeadLetterSourceSubscription": "dashboard-events-parsed-features",
    "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
    "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-06-01T12:00:00.123Z",
}
"""Attributes of a message that Pub/Sub gave up."""


def subjects(
    names: Sequence[str], against: Path | None = None, subscriber: Subscriber | None = None
) -> list[Subject]:
    """The no-op first: the others are compared with it. Each is followed by the same function of the checkout
    `against`, if there is one. Those that pull need the `subscriber` which serves their streams."""
    bodies = bodies_of(datetime.now(UTC))
    found: list[Subject] = [_pushed(NOOP, NOOP, ROOT, ROOT / "tools" / "bench" / "noop.py", bodies["parse"])]
    for name in names:
        stage = name.removesuffix(PULLS)
        for suffix, root in (("", ROOT), (BEFORE, against)):
            if root is None or (suffix and stage != name and not (root / _PROGRAM).exists()):
                continue
            if stage != name:
                assert subscriber is not None
                feed = subscriber.feed(f"projects/{PROJECT}/subscriptions/{name}{len(suffix)}", bodies[stage])
                found.append(Pulled(name + suffix, stage, root, feed))
            else:
                source = root / "functions" / name / "main.py"
                found.append(_pushed(name + suffix, name, root, source, bodies[name]))
    return found


def _pushed(name: str, target: str, root: Path, source: Path, bodies: list[bytes]) -> Pushed:
    first, *others = as_requests(bodies)
    return Pushed(name, target, root, source, first, cycle(others))


def bodies_of(now: datetime) -> dict[str, list[bytes]]:
    """Function to the bodies of pushes that load it: all parts of a sample that is younger than `now`."""
    raw = [_push(number, line) for number, line in enumerate(sample(SAMPLE, 1, now))]
    decoder = Decoder("bench", 262_144, timedelta(minutes=5))
    events = [decoder.decode(decode_request(body), now)[0] for body in raw]
    parsed = [_push(number, encode(event)) for number, event in enumerate(events)]
    return {
        "parse": raw,
        "features": parsed,
        "deadletter": dead_letters(now),
    }


def dead_letters(now: datetime, recipe: Recipe = DEAD_LETTERS) -> list[bytes]:
    """Pushes of events of such a sample, as dead letters of both forms."""
    return [_dead_letter(number, line, now) for number, line in enumerate(sample(recipe, 1, now))]


def event_bytes(now: datetime) -> float:
    """The mean length of an event as a producer sends it."""
    lines = list(sample(SAMPLE, 1, now))
    return sum(map(len, lines)) / len(lines)


def _dead_letter(number: int, line: bytes, now: datetime) -> bytes:
    """Both forms in turn: our record of an event, and the event itself as Pub/Sub forwards it."""
    if number % 2:
        return _push(number, line, FORWARDED)
    original = Message(line, str(number), {}, now, "projects/p/subscriptions/bench", 1)
    reject = Reject(ErrorType.SCHEMA_ERROR, "new_beds: is a text, expected a whole number")
    record = record_of(original, reject, stage="parse", now=now, pipeline_version="bench")
    return _push(number, record.to_json(), {RECORD_ATTRIBUTE: RECORD_KIND})


def _push(number: int, data: bytes, attributes: Mapping[str, str] | None = None) -> bytes:
    message = {
        "data": base64.b64encode(data).decode(),
        "messageId": str(number),
        "publishTime": datetime.now(UTC).isoformat(),
        "attributes": dict(attributes or {}),
    }
    return orjson.dumps({"message": message, "subscription": "projects/p/subscriptions/bench"})
