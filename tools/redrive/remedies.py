"""For each group of dead letters the command that would fix it, or what must happen first. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from shared.errors import RECORDED_BESIDE_THEIR_ROW, ErrorType
from tools.errors import UsageError
from tools.redrive.edits import Edit, NotEdited, parse
from tools.redrive.groups import Group
from tools.redrive.verdict import Judge
from tools.replay.items import Item


class Ease(IntEnum):
    """How much a group needs; the first are listed first."""

    AS_IT_IS = 0
    BY_AN_EDIT = 1
    BY_HAND = 2
    NOTHING = 3


@dataclass(frozen=True, slots=True)
class Remedy:
    """`words` are a `cqc` command that fixes the group, without the pipeline and the times; none if empty."""

    ease: Ease
    sentence: str
    words: tuple[str, ...] = ()


REDRIVE, HEAL = "redrive", "heal-online"

FIRST = {
    ErrorType.JSON_PARSE_ERROR: "The producer must send JSON.",
    ErrorType.SCHEMA_ERROR: "The producer must send what docs/events.md asks for.",
    ErrorType.INVALID_TIMESTAMP: "The producer must send times with an offset, like 2026-01-31T12:00:00Z.",
    ErrorType.TIMESTAMP_OUT_OF_RANGE: "The producer's clock is wrong, or the events are older than rows are "
    "kept.",
    ErrorType.PAYLOAD_TOO_LARGE: "The producer must send less, or MAX_EVENT_BYTES must rise.",
    ErrorType.SINK_REJECTED: "The message names what BigQuery or Pub/Sub refuses.",
    ErrorType.DELIVERY_EXHAUSTED: "The log of the function has the cause, which must be gone first.",
    ErrorType.UNEXPECTED_ERROR: "No rule foresees this: report it as a bug.",
}
"""What must happen before a redrive, or beside it."""

_NAMING_FIELDS = (ErrorType.SCHEMA_ERROR, ErrorType.TRANSFORM_ERROR)
"""Reasons of which some dead letters name a field and others do not."""
_NOT_JUDGED = (ErrorType.DELIVERY_EXHAUSTED, ErrorType.SINK_REJECTED)
"""Reasons that the code alone does not show: a service gave them."""
_HEAL = re.compile(r"cqc heal-online --from (\S+) --to (\S+)$")


def remedy(group: Group, judge: Judge, now: datetime) -> Remedy:
    """By what the current code says about the group's examples."""
    if group.error_type is ErrorType.FEATURE_STORE_WRITE_FAILED:
        return _heal(group)
    if group.error_type in RECORDED_BESIDE_THEIR_ROW:
        return Remedy(
            Ease.NOTHING,
            "Nothing to send: each has its features row and is in no window. Ask the producer about it.",
        )
    if not group.left:
        why = next((example.why_not for example in group.examples if example.why_not), "")
        return Remedy(Ease.NOTHING, f"{why[:1].upper()}{why[1:]}." if why else "All were redriven.")
    return _redrive(group, judge, now)


def _heal(group: Group) -> Remedy:
    """The command of the newest example: each record names its own range."""
    newest = max(group.examples, key=lambda example: example.record.error_timestamp)
    found = _HEAL.search(newest.record.error_message)
    if found is None:
        return Remedy(Ease.NOTHING, "Each message names the range to heal.")
    more = " The other messages name theirs." if group.count > 1 else ""
    words = (HEAL, "--from", found[1], "--to", found[2])
    return Remedy(Ease.AS_IT_IS, f"The rows are written, the online values of a range are not.{more}", words)


def _redrive(group: Group, judge: Judge, now: datetime) -> Remedy:
    items, first = group.judged(), FIRST.get(group.error_type, "")
    select = (REDRIVE, *selecting(group))
    if _accepted(items, Edit(), judge, now):
        before = f"{first} " if group.error_type in _NOT_JUDGED else ""
        return Remedy(Ease.AS_IT_IS, f"{before}The current code accepts the examples as they are.", select)
    place = "the message's id" if group.path == "event_id" else "its default"
    if group.path is not None and _accepted(items, _without(group.path), judge, now):
        return Remedy(
            Ease.BY_AN_EDIT,
            f"{first} Without the field the current code accepts the examples and takes {place}; to give the "
            "field a value, use --set PATH=EXPRESSION instead.",
            (*select, "--unset", group.path),
        )
    return Remedy(
        Ease.BY_HAND,
        f"{first} Edit them by hand, then send them with --edited.".lstrip(),
        (*select, "--export", _file(group)),
    )


def selecting(group: Group) -> tuple[str, ...]:
    """The filters of `cqc redrive` that take this group and no other."""
    field = ("--field", group.path or "") if group.path or group.error_type in _NAMING_FIELDS else ()
    return ("--reason", group.error_type.value, "--stage", group.stage, *field)


def _without(field: str) -> Edit | None:
    """The edit that removes the field; None for a path that no edit can name, such as `metrics.a..b`."""
    try:
        return parse((), (field,))
    except UsageError:
        return None


def _accepted(items: Sequence[Item], edit: Edit | None, judge: Judge, now: datetime) -> bool:
    if edit is None:
        return False
    try:
        return all(judge.refusal(item, edit.apply(item.data), now) is None for item in items)
    except NotEdited:
        return False


def _file(group: Group) -> str:
    """A name that every file system takes, whatever a producer calls its fields."""
    name = f"{group.error_type.value}-{group.stage}" + ("" if group.path is None else f"-{group.path}")
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:80] + ".jsonl"
