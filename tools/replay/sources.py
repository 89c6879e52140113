"""Where events come from: a file or the table of dead letters; pulling.py has subscriptions."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from shared.dead_letters.record import DeadLetterRecord
from tools.errors import UsageError
from tools.pipeline.publishing import opened, read_chunks
from tools.pipeline.warehouse import Warehouse
from tools.replay.items import Item, NotAnEvent, of_line, of_record
from tools.replay.selection import Selection


class Source(Protocol):
    """Events in batches; the caller takes the next batch when it is done with the previous one."""

    skipped: list[str]
    """Why parts of the source were left out, one sentence each."""

    def batches(self) -> Iterator[Sequence[Item]]: ...

    def done(self, sent: Sequence[Item], message_ids: Sequence[str]) -> None:
        """These were sent and can be dropped; `message_ids` are the ids they got on a topic."""

    def close(self) -> None:
        """Releases what was taken but not sent."""


class FileSource:
    """JSON lines: events as for `cqc publish`, recorded push bodies, or both; `-` is stdin."""

    def __init__(self, file: str) -> None:
        """Raises UsageError when the file can't be read."""
        self._file = file
        self._opened = ExitStack()
        self._stream = self._opened.enter_context(opened(file))
        self.skipped: list[str] = []

    def batches(self) -> Iterator[Sequence[Item]]:
        number = 0
        for chunk in read_chunks(self._stream):
            items = []
            for line in chunk:
                number += 1
                if line.strip():
                    items += self._item(line, f"{Path(self._file).name[:200]}:{number}")
            yield items

    def _item(self, line: bytes, place: str) -> list[Item]:
        try:
            return [of_line(line, place)]
        except NotAnEvent as reason:
            self.skipped.append(str(reason))
            return []

    def done(self, sent: Sequence[Item], message_ids: Sequence[str]) -> None:
        """A file is left as it is."""

    def close(self) -> None:
        self._opened.close()


DEAD_LETTERS = """
SELECT error_type, error_message, stage, location_id, event_type, event_id, payload, attributes,
       delivery_attempt, source_subscription, publish_timestamp, error_timestamp, pipeline_version
FROM streaming_errors_unique
WHERE {condition}
ORDER BY error_timestamp
"""


class ErrorsSource:
    """The dead letters in streaming_errors, each once, oldest first."""

    def __init__(self, warehouse: Warehouse, selection: Selection, limit: int | None = None) -> None:
        self._warehouse = warehouse
        self._selection = selection
        # Events that are left out by these must not use up the limit.
        self._limit = None if selection.grep or selection.field else limit
        self.skipped: list[str] = []

    def batches(self) -> Iterator[Sequence[Item]]:
        items = []
        for record in self.records():
            try:
                items.append(of_record(record))
            except NotAnEvent as reason:
                self.skipped.append(f"{record.error_type.value} of {record.event_id}: {reason}")
            if len(items) == self._limit:
                break
        yield items

    def records(self) -> Iterator[DeadLetterRecord]:
        """The selected rows as records; raises UsageError when --event-id matches none."""
        condition, parameters = self._selection.sql()
        nothing = True
        for row in self._warehouse.stream(DEAD_LETTERS.format(condition=condition), **parameters):
            nothing = False
            yield _record(row)
        if nothing and self._selection.event_id is not None:
            raise UsageError(
                f"streaming_errors has no dead letter of event {self._selection.event_id} "
                "that matches: `cqc explain` shows what is known about an event"
            )

    def done(self, sent: Sequence[Item], message_ids: Sequence[str]) -> None:
        """The table is only appended to."""

    def close(self) -> None:
        """Nothing is held."""


def _record(row: Mapping[str, object]) -> DeadLetterRecord:
    attributes = row["attributes"]
    return DeadLetterRecord.model_validate(
        {
            **row,
            "attributes": json.loads(attributes) if isinstance(attributes, str) else attributes or {},
            "error_message": row["error_message"] or "",
            "payload": row["payload"] or b"",
            "pipeline_version": row["pipeline_version"] or "",
        }
    )
