"""The dead letters still to be redriven, each with its edit and the current code's verdict."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from shared.errors import RECORDED_BESIDE_THEIR_ROW
from tools.errors import CommandError, UsageError
from tools.pipeline.warehouse import Warehouse
from tools.redrive.edits import Edit, NotEdited, to_bytes
from tools.redrive.verdict import Judge
from tools.replay.items import Item
from tools.replay.journal import REDRIVE

MARKS = f"""
SELECT event_id, failed_stage, error_type, MAX(error_timestamp)
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


def not_redriven(warehouse: Warehouse, items: Sequence[Item]) -> list[Item]:
    """Those that no redrive has sent since they failed; one that failed again later is included again."""
    marks = {(str(a), str(b), str(c)): at for a, b, c, at in warehouse.query(MARKS).rows}

    def is_open(item: Item) -> bool:
        at = marks.get(key_of(item))
        failed = item.dead_letter and item.dead_letter.error_timestamp
        return not (isinstance(at, datetime) and failed and failed <= at)

    return [item for item in items if is_open(item)]


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


def export(items: Sequence[Item], file: Path) -> None:
    """Writes one line of JSON per dead letter, for editing its `payload`; raises UsageError."""
    lines = [json.dumps(_exported(item), ensure_ascii=False) + "\n" for item in items]
    try:
        file.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--export {file} can't be written ({error.strerror}): name another file") from None


def _exported(item: Item) -> Mapping[str, object]:
    event_id, stage, error_type = key_of(item)
    try:
        payload = json.loads(item.data)
    except ValueError:
        payload = item.data.decode(errors="replace")
    why = item.dead_letter.error_message if item.dead_letter else ""
    return {
        "event_id": event_id,
        "stage": stage,
        "error_type": error_type,
        "error_message": why,
        "payload": payload,
    }


def take_edited(items: Sequence[Item], file: Path, judge: Judge, now: datetime) -> list[Proposal]:
    """The proposals in an edited export; raises UsageError for a line without an open dead letter."""
    known = {key_of(item): item for item in items}
    proposals = []
    for number, line in enumerate(_read(file), start=1):
        try:
            fields = json.loads(line)
            key = (fields["event_id"], fields["stage"], fields["error_type"])
            payload = fields["payload"]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{file}:{number} is not a line of an export ({error}): edit only `payload`"
            ) from None
        if key not in known:
            raise UsageError(
                f"{file}:{number}: dead letter {'/'.join(map(str, key))} is not open: "
                "it was redriven already, or was never selected"
            )
        data = payload.encode() if isinstance(payload, str) else _bytes(payload)
        proposals.append(Proposal(known[key], data, judge.refusal(known[key], data, now)))
    return proposals


def _bytes(payload: object) -> bytes:
    try:
        return to_bytes(payload)
    except NotEdited as reason:
        raise CommandError(str(reason)) from None


def _read(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.reason
        raise UsageError(f"--edited {file} can't be read ({reason}): name a file of --export") from None
