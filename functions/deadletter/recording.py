"""Group commit of dead letters into streaming_errors."""

from collections import OrderedDict
from collections.abc import Sequence

from functions.deadletter.triage import fallback_row, triage
from shared.clock import Clock
from shared.delivery.batching import BatchLimits, GroupCommit, Outcome
from shared.errors import Reject, Retry
from shared.message import Message
from shared.tables.sink import TableSink

REMEMBERED = 10_000
"""Message ids of rows just written, 1 MB: most redeliveries come within seconds, to the same instance. One
that slips through writes the same row again, which streaming_errors_unique shows once."""


class Recorder:
    """Writes one row per message, whatever the message is."""

    def __init__(self, sink: TableSink, clock: Clock, pipeline_version: str, limits: BatchLimits) -> None:
        self._sink = sink
        self._clock = clock
        self._pipeline_version = pipeline_version
        self._written: OrderedDict[str, None] = OrderedDict()
        self._batches: GroupCommit[Message] = GroupCommit(self._commit, limits, "record")

    async def process(self, message: Message) -> None:
        """Returns when the row is durable; raises Retry or Busy: no dead letter is dropped."""
        if message.message_id in self._written:
            return
        await self._batches.submit(message, len(message.data))
        self._written[message.message_id] = None
        if len(self._written) > REMEMBERED:
            self._written.popitem(last=False)

    async def _commit(self, messages: Sequence[Message]) -> list[Outcome]:
        """Replaces a row that BigQuery refuses by one with nothing but the message and the refusal."""
        now = self._clock()
        outcomes = await self._sink.append_rows(
            [triage(message, now, self._pipeline_version) for message in messages]
        )
        refused = [(message, outcome) for message, outcome in zip(messages, outcomes, strict=True) if outcome]
        if not refused:
            return outcomes
        fallbacks = [
            fallback_row(message, str(outcome), now, self._pipeline_version) for message, outcome in refused
        ]
        second = iter(await self._sink.append_rows(fallbacks))
        return [outcome and _as_retry(next(second)) for outcome in outcomes]


def _as_retry(outcome: Outcome) -> Outcome:
    """Without the refusal's text, which may quote the message: a Retry is logged."""
    if not isinstance(outcome, Reject):
        return outcome
    return Retry(
        f"BigQuery refused the dead letter and its plain form too ({outcome.error_type}), so Pub/Sub keeps "
        "it: pull it from the subscription to see what is in it"
    )
