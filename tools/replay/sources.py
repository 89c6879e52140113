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
from tools.replay.items import Item, NotAnEvent, of_failure, of_line
from tools.replay.selection import Selection


class Source(Protocol):
    """Events in batches; the caller takes the next batch when it is done with the previous one."""

    skipped: list[str]
    """Why parts of the source hold no event to send again, one sentence each."""

    def batches(self) -> Iterator[Sequence[Item]]: ...

    def done(self, sent: Sequence[Item], message_ids: Sequence[str]) -> None:
        """These have been sent and can be dropped; `message_ids` are those they got on a topic."""

    def close(self) -> None:
        """Releases what was taken and not done."""


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
        # Events that `grep` leaves out must not use up the limit.
        self._limit = None if selection.grep else limit
        self.skipped: list[str] = []

    def batches(self) -> Iterator[Sequence[Item]]:
        items = []
        for failure in self.failures():
            try:
                items.append(of_failure(failure))
            except NotAnEvent as reason:
                self.skipped.append(f"{failure.error_type.value} of {failure.event_id}: {reason}")
        yield items

    def failures(self) -> Iterator[DeadLetterRecord]:
        """The selected rows as records; raises UsageError when --event-id matches none."""
        condition, parameters = self._selection.sql()
        sql = DEAD_LETTERS.format(condition=condition)
        sql += "" if self._limit is None else f"LIMIT {self._limit}"
        result = self._warehouse.query(sql, **parameters)
        if not result.rows and self._selection.event_id is not None:
            raise UsageError(
                f"streaming_errors has no dead letter of event {self._selection.event_id} "
                "that matches: `cqc explain` shows what is known about an event"
            )
        for row in result.rows:
            yield _failure(dict(zip(result.columns, row, strict=True)))

    def done(self, sent: Sequence[Item], message_ids: Sequence[str]) -> None:
        """The table is only appended to."""

    def close(self) -> None:
        """Nothing is held."""


def _failure(row: Mapping[str, object]) -> DeadLetterRecord:
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
