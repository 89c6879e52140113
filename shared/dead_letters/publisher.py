"""Sends rejected events to the dead-letter topic, each with the record that says why."""

from shared.clock import Clock
from shared.dead_letters.record import RECORD_ATTRIBUTE, RECORD_KIND, DeadLetterRecord, record_of
from shared.delivery.batching import BatchLimits, Commit, GroupCommit
from shared.errors import Reject, Retry
from shared.message import Message, OutMessage
from shared.telemetry import tracing
from shared.telemetry.logs import LogEvent, log
from shared.telemetry.trace_context import of_attributes


class DeadLetterPublisher:
    """Publishes one stage's dead letters by group commit; the log line has the reason and no payload."""

    def __init__(
        self,
        publish_batch: Commit[OutMessage],
        *,
        stage: str,
        clock: Clock,
        pipeline_version: str,
        limits: BatchLimits,
    ) -> None:
        self._batches: GroupCommit[OutMessage] = GroupCommit(publish_batch, limits, "publish")
        self._stage = stage
        self._clock = clock
        self._pipeline_version = pipeline_version

    async def send_rejected(self, message: Message, reject: Reject) -> None:
        """Returns when the message's record is durable; raises Retry or Busy."""
        await self.send(
            record_of(
                message, reject, stage=self._stage, now=self._clock(), pipeline_version=self._pipeline_version
            )
        )

    async def send(self, record: DeadLetterRecord) -> None:
        """Returns when the record is durable; raises Retry or Busy."""
        attributes = {
            RECORD_ATTRIBUTE: RECORD_KIND,
            "error_type": record.error_type.value,
            "stage": record.stage,
            **tracing.outgoing(record.attributes),
        }
        message = OutMessage(record.to_json(), attributes)
        try:
            await self._batches.submit(message, message.size)
        except Reject as refusal:  # a verdict on the dead letter, not on the event that it records
            # Its text may quote the message, and a Retry is logged.
            raise Retry(
                f"Pub/Sub refused the dead letter ({refusal.error_type}, {message.size} bytes, "
                f"{len(attributes)} attributes), so its message stays unacknowledged"
            ) from None
        log.warning(
            "event sent to the dead-letter topic",
            extra={
                "event": LogEvent.DEAD_LETTER_SENT,
                "error_type": record.error_type.value,
                "event_id": record.event_id,
                "location_id": record.location_id,
                "trace": of_attributes(record.attributes),
            },
        )
