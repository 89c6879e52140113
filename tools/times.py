"""Times as people write them on a command line."""

import re
from datetime import UTC, datetime, timedelta

from tools.errors import UsageError

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FIRST, _END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""No event is older or newer, and far from both ends of the calendar sums of times can't overflow."""
LONGEST = 86_400.0
"""Seconds that an option may have a command wait for; the platform's own limits are tracebacks."""


def moment(option: str, text: str, now: datetime) -> datetime:
    """`2026-01-31T12:00:00Z`, or `90m` for that long before `now`, in UTC.

    Raises UsageError naming the option.
    """
    if ago := _AGO.fullmatch(text):
        length = timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if length > now - _FIRST:
            raise UsageError(f"{option} {text} is before 1970: no event is as old")
        return now - length
    return instant(option, text, "write it like 2026-01-31T12:00:00Z, or 90m for 90 minutes ago")


def instant(option: str, text: str, hint: str = "write it like 2026-01-31T12:00:00Z") -> datetime:
    """An ISO 8601 time of 1970 to 2199 with an offset, in UTC; raises UsageError naming the option."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}; {hint}") from None
    if parsed.tzinfo is None:
        raise UsageError(f"{option} {text} has no offset: in UTC it is {parsed.isoformat()}Z")
    if not _FIRST <= parsed < _END:
        raise UsageError(f"{option} {text} is not of the years 1970 to 2199: {hint}")
    return parsed.astimezone(UTC)
