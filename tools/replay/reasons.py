"""What a dead letter's message says: which of the producer's fields is wrong, and how. Pure."""

import re

_FIELD = re.compile(
    r"(timestamp)(?= ')|(event_id|location_id|event_type|event_timestamp|timestamp|metrics(?:\.[^.:\n]+)?)"
    r"(?=(?:\.[^:\n]*)?: )"
)
"""How messages begin that name a field: `metrics.new_beds: …`, or `timestamp '…': …`."""
_OF_ONE_EVENT = re.compile(r" \(got .*\)$|, got \w+$|: line \d+ column \d+ \(char \d+\)$", re.DOTALL)
"""The end of a reason that differs from event to event: the value that was wrong, or where."""


def field_of(error_message: str) -> str | None:
    """The first field that it names, as a path like metrics.new_beds; None when it is about the whole event.

    Places inside a metric are left out: it is metrics.areas_assessed, whichever of them is wrong. A path that
    nobody can type counts as none, for a producer may give its metrics any name.
    """
    found = _FIELD.match(error_message)
    return found[0] if found and found[0].isprintable() else None


def kind_of(error_message: str) -> str:
    """The message without what differs from event to event."""
    return _OF_ONE_EVENT.sub("", error_message)
