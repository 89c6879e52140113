"""Times on a command line: what is read, and one sentence for what is not."""

from datetime import UTC, datetime, timedelta

import pytest

from tools.errors import UsageError
from tools.times import instant, moment

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00Z", NOW),
        ("2026-01-31T13:00:00+01:00", NOW),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("90m", NOW - timedelta(minutes=90)),
        ("20000d", NOW - timedelta(days=20_000)),
    ],
)
def test_a_time_is_read_in_utc(text: str, expected: datetime) -> None:
    assert moment("--since", text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("noon", "or 90m for 90 minutes ago"),
        ("999999d", "is before 1970"),
        ("0001-01-01T00:00:00Z", "not of the years 1970 to 2199"),
        ("0001-01-01T00:00:00+10:00", "not of the years 1970 to 2199"),
        ("9999-12-31T23:59:59-10:00", "not of the years 1970 to 2199"),
        ("3000-01-01T00:00:00Z", "not of the years 1970 to 2199"),
        ("2026-11-27", "in UTC it is 2026-11-27T00:00:00Z"),
        ("2026-11-27T08:30", "in UTC it is 2026-11-27T08:30:00Z"),
    ],
)
def test_what_is_no_time_of_an_event_is_misuse(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=f"--since {text.replace('+', r'[+]')}.*{says}"):
        moment("--since", text, NOW)


def test_a_hint_for_an_offset_can_be_used_as_it_is() -> None:
    with pytest.raises(UsageError) as caught:
        instant("--now", "2026-11-27")
    assert instant("--now", str(caught.value).split()[-1])
