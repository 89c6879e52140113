"""Where rejected events go: the dead-letter topic, with the record that says why."""

from shared import tracing
from shared.clock import Clock
from shared.envelope import Message
from shared.errors import Reject
from shared.failure import RECORD_ATTRIBUTE, RECORD_KIND, Failure, of_message
from shared.gcp.pubsub import OutMessage, TopicPublisher
from shared.telemetry import log
from shared.trace_context import of_attributes


class DeadLetters:
    """Publishes one stage's failures; the log line carries the reason's name but no payload."""

    def __init__(self, publisher: TopicPublisher, *, stage: str, clock: Clock, pipeline_version: str) -> None:
        self._publisher = publisher
        self._stage = stage
        self._clock = clock
        self._pipeline_version = pipeline_version

    async def send_rejected(self, message: Message, reject: Reject) -> None:
        """Returns when the message's record is durable; raises Retry or Busy."""
        await self.send(
            of_message(
                message, reject, stage=self._stage, now=self._clock(), pipeline_version=self._pipeline_version
            )
        )

    async def send(self, failure: Failure) -> None:
        """Returns when the record is durable; raises Retry or Busy."""
        attributes = {
            RECORD_ATTRIBUTE: RECORD_KIND,
            "error_type": failure.error_type.value,
            "stage": failure.stage,
            **tracing.outgoing(failure.attributes),
        }
        await self._publisher.publish(OutMessage(failure.to_json(), attributes))
        log.warning(
            "event sent to the dead-letter topic",
            extra={
                "error_type": failure.error_type.value,
                "event_id": failure.event_id,
                "location_id": failure.location_id,
                "trace": of_attributes(failure.attributes),
            },
        )
