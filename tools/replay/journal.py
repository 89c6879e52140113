"""The table `replays`: what was published again, for `cqc explain` and so that nothing is redriven twice."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from shared.errors import Retry
from shared.gcp.bigquery import TableAppender
from shared.tables.columns import REPLAYS, Row
from shared.tables.sink import TableSink
from tools.errors import CommandError
from tools.replay.targets import Sent

REPLAY, REDRIVE = "replay", "redrive"


class Journal:
    """Appends to `replays`; a context manager, because it owns an event loop and a connection."""

    def __init__(self, project: str, dataset: str, kind: str) -> None:
        self._kind = kind
        self._name = f"{project}.{dataset}.{REPLAYS.name}"
        self._appender = TableAppender(project, dataset, REPLAYS)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._appender.close())
        self._runner.close()

    def note(self, published: Sequence[Sent], topics: Sequence[str], edit: str | None = None) -> None:
        """Records what was published, each to the topic at the same index; raises CommandError."""
        now = datetime.now(UTC)
        rows = [self._row(sent, topic, edit, now) for sent, topic in zip(published, topics, strict=True)]
        if not rows:
            return
        try:
            outcomes = self._runner.run(TableSink(REPLAYS, self._appender).append_rows(rows))
        except Retry as error:
            raise self._lost(len(rows), str(error)) from None
        refused = [outcome for outcome in outcomes if outcome is not None]
        if refused:
            raise self._lost(len(refused), str(refused[0]))

    def _lost(self, count: int, why: str) -> CommandError:
        return CommandError(
            f"{count} events were published but could not be recorded in {self._name} ({why}): "
            "sending them again would change no count"
        )

    def _row(self, sent: Sent, topic: str, edit: str | None, now: datetime) -> Row:
        item, failure = sent.item, sent.item.dead_letter
        return {
            "replayed_at": now,
            "event_id": item.event_id,
            "kind": self._kind,
            "location_id": item.location_id,
            "stage": item.stage,
            "failed_stage": failure.stage if failure else None,
            "error_type": failure.error_type if failure else None,
            "error_timestamp": failure.error_timestamp if failure else None,
            "replay_of": item.taken_from,
            "replay_count": item.replay_count,
            "topic": topic,
            "message_id": sent.message_id,
            "edit": edit,
        }
