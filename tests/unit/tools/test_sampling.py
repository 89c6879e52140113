"""What `cqc sample` promises: equal lines for equal arguments, exact numbers, bad lines that are rejected."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from functions.parse.decoding import Decoder
from shared.errors import ErrorType, Reject
from shared.events import Event, encode
from shared.message import Message
from tools.demo.reconciliation import duplicates
from tools.errors import UsageError
from tools.sampling.bad import BAD_KINDS, TOO_LARGE, BadKind
from tools.sampling.events import EventMaker
from tools.sampling.mix import Recipe, sample

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
MIXED = Recipe(lines=1_000, locations=10, bad=0.06, late=0.03, duplicates=0.05)
DECODER = Decoder(pipeline_version="test", max_event_bytes=262_144, max_future=timedelta(minutes=5))


def decode(line: bytes) -> Event | Reject:
    message = Message(line, "message-1", {}, NOW, "projects/p/subscriptions/s", None)
    try:
        event, _ = DECODER.decode(message, NOW)
        encode(event)
    except Reject as reject:
        return reject
    return event


def events(lines: list[bytes]) -> list[Event]:
    return [event for event in map(decode, lines) if not isinstance(event, Reject)]


def is_late(event: Event) -> bool:
    window_end = (
        event.event_timestamp
        - timedelta(seconds=event.event_timestamp.timestamp() % 300)
        + timedelta(minutes=5)
    )
    return window_end + timedelta(hours=1) < NOW


def test_the_same_seed_and_present_give_the_same_lines() -> None:
    assert sample(MIXED, seed=7, now=NOW) == sample(MIXED, seed=7, now=NOW)


@pytest.mark.parametrize(("seed", "now"), [(8, NOW), (7, NOW + timedelta(seconds=1))])
def test_another_seed_or_present_gives_other_event_ids(seed: int, now: datetime) -> None:
    def ids(lines: list[bytes]) -> set[str]:
        return {event.event_id for event in events(lines)} - {"message-1"}

    assert not ids(sample(MIXED, seed=7, now=NOW)) & ids(sample(MIXED, seed=seed, now=now))


def test_the_fractions_are_exact() -> None:
    lines = sample(MIXED, seed=7, now=NOW)
    good = events(lines)
    assert len(lines) == 1_000
    assert len(lines) - len(good) == 60
    assert duplicates(lines) == 50
    late_ids = {event.event_id for event in good if is_late(event)}
    assert len(late_ids) == 30


def test_a_line_is_repeated_after_its_original_and_byte_for_byte() -> None:
    lines = sample(MIXED, seed=7, now=NOW)
    first: dict[str, bytes] = {}
    for line in lines:
        event = decode(line)
        if not isinstance(event, Reject) and event.event_id != "message-1":
            assert first.setdefault(event.event_id, line) == line


def test_every_type_occurs_and_some_events_have_no_event_id() -> None:
    good = events(sample(Recipe(lines=500), seed=7, now=NOW))
    assert len({event.event_type for event in good}) == 6
    assert 0 < sum(event.event_id == "message-1" for event in good) < 60


def test_good_events_are_spread_over_the_last_quarter_of_an_hour() -> None:
    ages = [NOW - event.event_timestamp for event in events(sample(Recipe(lines=500), seed=7, now=NOW))]
    assert timedelta(0) <= min(ages)
    assert timedelta(minutes=14) < max(ages) <= timedelta(minutes=15, milliseconds=1)


@pytest.mark.parametrize("kind", [*BAD_KINDS.values(), TOO_LARGE], ids=lambda kind: kind.name)
def test_a_bad_line_is_rejected_for_its_declared_reason(kind: BadKind) -> None:
    maker = EventMaker(random.Random(1), ("1-466088203",))
    line = kind.spoil(maker.event(NOW))
    verdict = decode(line)
    assert b"\n" not in line
    assert isinstance(verdict, Reject)
    assert verdict.error_type is kind.error_type


def test_many_bad_lines_include_every_kind_and_a_single_one_that_is_too_large() -> None:
    verdicts = [decode(line) for line in sample(Recipe(lines=100, bad=1.0), seed=7, now=NOW)]
    reasons = [verdict.error_type for verdict in verdicts if isinstance(verdict, Reject)]
    assert len(reasons) == 100
    assert reasons.count(ErrorType.PAYLOAD_TOO_LARGE) == 1
    assert set(reasons) == {kind.error_type for kind in BAD_KINDS.values()} | {TOO_LARGE.error_type}


def test_bad_lines_never_repeat_an_event_id() -> None:
    lines = sample(Recipe(lines=200, bad=1.0), seed=7, now=NOW)
    assert duplicates(lines) == 0
    assert sum(line.startswith(b'{"event_id":"') for line in lines) > 100


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        (Recipe(lines=10, bad=0.6, late=0.6), "add up to more than 1"),
        (Recipe(lines=10, bad=0.5, duplicates=0.5), "no good event"),
    ],
)
def test_shares_that_leave_no_good_event_are_refused(recipe: Recipe, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        sample(recipe, seed=1, now=NOW)


def test_a_sample_may_have_no_lines() -> None:
    assert sample(Recipe(lines=0), seed=1, now=NOW) == []
