"""When an event happened, as the producer says and as `parse` takes it."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from functions.parse.decoding import Decoder
from shared.errors import ErrorType, Reject
from tests.unit.builders import NOW, decode, event, message, raw, rejected

AGED = Decoder("1.2.3", max_event_bytes=262_144, max_future=timedelta(minutes=5), max_age=timedelta(days=730))


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-11T11:59:58Z",
        "2026-03-11T11:59:58+00:00",
        "2026-03-11T12:59:58+01:00",
        "2026-03-11T06:29:58-05:30",
        "2026-03-11 11:59:58.000Z",
        "20260311T115958Z",
    ],
)
def test_every_time_becomes_utc(text: str) -> None:
    moment = event(timestamp=text).event_timestamp
    assert moment.isoformat() == "2026-03-11T11:59:58+00:00"


def test_a_very_old_event_is_accepted() -> None:
    assert event(timestamp="1970-01-01T00:00:00Z").event_timestamp == datetime(1970, 1, 1, tzinfo=UTC)
    assert event(timestamp="0001-01-01T00:00:00Z").event_timestamp == datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "accepted"),
    [(timedelta(minutes=5), True), (timedelta(minutes=5, microseconds=1), False), (timedelta(0), True)],
)
def test_the_clock_limit_is_exact(ahead: timedelta, accepted: bool) -> None:
    data = raw(timestamp=(NOW + ahead).isoformat())
    if accepted:
        assert decode(data).event_timestamp == NOW + ahead
    else:
        assert rejected(data).error_type is ErrorType.TIMESTAMP_OUT_OF_RANGE


@pytest.mark.parametrize(
    ("age", "is_kept"), [(timedelta(days=730), True), (timedelta(days=730, microseconds=1), False)]
)
def test_an_event_whose_row_would_expire_at_once_is_rejected(age: timedelta, is_kept: bool) -> None:
    data = orjson.dumps(raw(timestamp=(NOW - age).isoformat()))
    if is_kept:
        AGED.decode(message(data), NOW)
        return
    with pytest.raises(Reject, match=r"is older than 730 days \(MAX_AGE\)") as caught:
        AGED.decode(message(data), NOW)
    assert caught.value.error_type is ErrorType.TIMESTAMP_OUT_OF_RANGE


def test_without_a_limit_an_event_of_any_age_is_taken() -> None:
    assert decode(raw(timestamp="1970-01-01T00:00:00Z")).event_timestamp.year == 1970


@pytest.mark.parametrize(
    "text",
    ["x" * 50_000, f"2027-01-01T00:00:00.{'1' * 50_000}Z", f"2001-01-01T00:00:00.{'1' * 50_000}Z"],
    ids=["no time", "ahead", "too old"],
)
def test_a_long_timestamp_does_not_stand_in_the_reason(text: str) -> None:
    with pytest.raises(Reject) as caught:
        AGED.decode(message(orjson.dumps(raw(timestamp=text))), NOW)
    assert len(str(caught.value)) < 250
