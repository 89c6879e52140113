"""Which events to send again."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.errors import ErrorType
from shared.topology import FUNCTIONS
from tools.errors import UsageError, choose
from tools.replay.items import Item
from tools.replay.reasons import field_of
from tools.times import moment


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters that must all match; None matches every event.

    Times are a dead letter's failure time, else the publish time; `since` is inclusive, `until` exclusive.
    """

    error_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    event_id: str | None = None
    location: str | None = None
    stage: str | None = None
    grep: re.Pattern[bytes] | None = None
    field: str | None = None
    """As reasons.field_of names it, or empty for messages that name none."""

    def matches(self, item: Item) -> bool:
        return (
            self.error_type in (None, item.dead_letter and item.dead_letter.error_type)
            and self.event_id in (None, item.event_id)
            and self.location in (None, item.location_id)
            and self.stage in (None, item.dead_letter.stage if item.dead_letter else item.stage)
            and self._is_in_time(item)
            and self._is_about_field(item)
            and (self.grep is None or self.grep.search(item.data) is not None)
        )

    def _is_in_time(self, item: Item) -> bool:
        if self.since is None and self.until is None:
            return True
        at = item.dead_letter.error_timestamp if item.dead_letter else item.publish_time
        if at is None:
            return False
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)

    def _is_about_field(self, item: Item) -> bool:
        if self.field is None:
            return True
        failure = item.dead_letter
        return failure is not None and (field_of(failure.error_message) or "") == self.field

    def sql(self) -> tuple[str, dict[str, str | datetime]]:
        """The filters but `grep` and `field` for rows of streaming_errors: a condition and its parameters."""
        conditions = {
            "error_type": "error_type = @error_type",
            "since": "error_timestamp >= @since",
            "until": "error_timestamp < @until",
            "event_id": "event_id = @event_id",
            "location": "location_id = @location",
            "stage": "stage = @stage",
        }
        given = {name: value for name in conditions if (value := getattr(self, name)) is not None}
        return " AND ".join(["TRUE", *(conditions[name] for name in given)]), given


def select(
    error_type: str | None = None,
    since: str | None = None,
    until: str | None = None,
    event_id: str | None = None,
    location: str | None = None,
    stage: str | None = None,
    grep: str | None = None,
    field: str | None = None,
) -> Selection:
    """The selection that a command line asks for; raises UsageError naming the invalid option."""
    now = datetime.now(UTC)
    start = None if since is None else moment("--since", since, now)
    end = None if until is None else moment("--until", until, now)
    if start and end and start >= end:
        raise UsageError(f"--since {since} is not before --until {until}: no event is in between")
    return Selection(
        error_type=None if error_type is None else choose("--reason", error_type, ErrorType),
        since=start,
        until=end,
        event_id=event_id,
        location=location,
        stage=None if stage is None else choose("--stage", stage, FUNCTIONS),
        grep=None if grep is None else _pattern(grep),
        field=field,
    )


def _pattern(text: str) -> re.Pattern[bytes]:
    try:
        return re.compile(text.encode())
    except re.error as error:
        raise UsageError(f"--grep {text}: not a regular expression ({error})") from None
