"""Times as people write them on a command line."""

import re
from datetime import UTC, datetime, timedelta

from tools.errors import UsageError

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(option: str, text: str, now: datetime) -> datetime:
    """`2026-01-31T12:00:00Z`, or `90m` for that long before `now`, in UTC.

    Raises UsageError naming the option.
    """
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    return instant(option, text, "write it like 2026-01-31T12:00:00Z, or 90m for 90 minutes ago")


def instant(option: str, text: str, hint: str = "write it like 2026-01-31T12:00:00Z") -> datetime:
    """An ISO 8601 time with an offset, in UTC; raises UsageError naming the option."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}; {hint}") from None
    if parsed.tzinfo is None:
        raise UsageError(f"{option} {text} has no offset: end it with Z")
    try:
        return parsed.astimezone(UTC)
    except OverflowError:
        raise UsageError(f"{option} {text} is outside the calendar in UTC: {hint}") from None
