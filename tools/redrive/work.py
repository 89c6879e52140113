"""The dead letters still to be redriven, each with its edit and the current code's verdict."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from shared.errors import RECORDED_BESIDE_THEIR_ROW
from tools.console import as_json, encodable
from tools.errors import CommandError, UsageError
from tools.pipeline.warehouse import Warehouse
from tools.redrive.edits import Edit, NotEdited, to_bytes
from tools.redrive.verdict import Judge
from tools.replay.items import Item
from tools.replay.journal import REDRIVE

MARKS = f"""
SELECT event_id, failed_stage, error_type, MAX(error_timestamp),
       event_id IN (SELECT event_id FROM realtime_features)
FROM replays WHERE kind = '{REDRIVE}' GROUP BY event_id, failed_stage, error_type
"""

Key = tuple[str, str, str]
"""Event, stage and reason: what makes two rows one failure in streaming_errors_unique."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One dead letter and the data to send; `problem` says why it can't be sent."""

    item: Item
    data: bytes
    problem: str | None

    @property
    def edited(self) -> Item:
        return replace(self.item, data=self.data)


def key_of(item: Item) -> Key:
    failure = item.dead_letter
    return item.event_id, failure.stage if failure else "", failure.error_type if failure else ""


def is_undone(item: Item) -> bool:
    """False for a failure whose event has its features row anyway: sending it again fixes nothing."""
    return key_of(item)[2] not in RECORDED_BESIDE_THEIR_ROW


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest redrive of a failure: when it had failed, and whether the event has its row now."""

    failed_at: datetime
    has_row: bool


def marks(warehouse: Warehouse) -> Mapping[Key, Mark]:
    """Every failure that was redriven."""
    rows = warehouse.query(MARKS).rows
    return {
        (str(event), str(stage), str(reason)): Mark(at, bool(has_row))
        for event, stage, reason, at, has_row in rows
        if isinstance(at, datetime)
    }


def is_open(item: Item, done: Mapping[Key, Mark]) -> bool:
    """Whether it is still to be redriven.

    One that failed again after its redrive is open again, unless the redrive gave the event its row: then the
    original has only been delivered again, by a seek for example.
    """
    mark = done.get(key_of(item))
    failed_at = item.dead_letter and item.dead_letter.error_timestamp
    return not (mark and failed_at and (mark.has_row or failed_at <= mark.failed_at))


def propose(items: Sequence[Item], edit: Edit, judge: Judge, now: datetime) -> list[Proposal]:
    """Edits and judges each."""
    proposals = []
    for item in items:
        try:
            data = edit.apply(item.data)
        except NotEdited as reason:
            proposals.append(Proposal(item, item.data, str(reason)))
            continue
        proposals.append(Proposal(item, data, judge.refusal(item, data, now)))
    return proposals


def export(items: Sequence[Item], file: Path, again: str) -> None:
    """Writes one line of JSON per dead letter, for editing its `payload`; raises UsageError.

    An earlier export is left alone: it may hold edits. `again` is the command that sends the file.
    """
    content = "".join(as_json(_exported(item)) + "\n" for item in items).encode()
    try:
        with file.open("xb") as opened, _or_none(file):
            opened.write(content)
            opened.flush()
    except FileExistsError:
        if file.is_dir():
            raise UsageError(f"--export {file} is a folder: name a file in it") from None
        raise UsageError(
            f"--export {file} exists already, perhaps with edits: "
            f"name another file, or send it with `{again}`"
        ) from None
    except OSError as error:
        raise UsageError(f"--export {file} can't be written ({error.strerror}): name another file") from None


@contextmanager
def _or_none(file: Path) -> Iterator[None]:
    """Removes a file that could be written in part only: the next run would take it for an export."""
    try:
        yield
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _exported(item: Item) -> Mapping[str, object]:
    event_id, stage, error_type = key_of(item)
    try:
        payload = json.loads(item.data)
    except (ValueError, RecursionError):
        payload = item.data.decode(errors="replace")
    why = item.dead_letter.error_message if item.dead_letter else ""
    return {
        "event_id": event_id,
        "stage": stage,
        "error_type": error_type,
        "error_message": why,
        "payload": payload,
    }


def take_edited(
    items: Sequence[Item], done: Mapping[Key, Mark], file: Path, judge: Judge, now: datetime
) -> list[Proposal]:
    """The proposals in an edited export, without those that were redriven already.

    So a run that stopped halfway is repeated as it was. Raises UsageError for a line that is no dead letter.
    """
    known = {key_of(item): item for item in items}
    proposals = []
    for number, line in enumerate(_read(file), start=1):
        key, payload = _line(line, f"{file}:{number}")
        if key not in known and key not in done:
            raise UsageError(
                f"{file}:{number}: there is no dead letter {'/'.join(map(str, key))} among those selected: "
                "edit only `payload`, and give the filters of the export again or none"
            )
        if key in known and is_open(known[key], done):
            data = encodable(payload).encode() if isinstance(payload, str) else _bytes(payload)
            proposals.append(Proposal(known[key], data, judge.refusal(known[key], data, now)))
    return proposals


def _line(line: str, place: str) -> tuple[Key, object]:
    """The dead letter that a line of an export names, and its payload; raises UsageError."""
    try:
        fields = json.loads(line)
        return (fields["event_id"], fields["stage"], fields["error_type"]), fields["payload"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{place} is not a line of an export ({error}): edit only `payload`") from None


def _bytes(payload: object) -> bytes:
    try:
        return to_bytes(payload)
    except NotEdited as reason:
        raise CommandError(str(reason)) from None


def _read(file: Path) -> list[str]:
    try:
        # Not splitlines(): JSON may hold its other ends of lines, such as U+2028, as they are.
        return [line for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.reason
        raise UsageError(f"--edited {file} can't be read ({reason}): name a file of --export") from None
