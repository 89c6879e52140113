"""Decode and publish: the one thing `parse` owes a message."""

from dataclasses import dataclass

from functions.parse.decoding import Decoder
from shared import tracing
from shared.clock import Clock
from shared.envelope import Message
from shared.events import encode
from shared.gcp.pubsub import OutMessage, TopicPublisher
from shared.telemetry import UnknownFields


@dataclass(frozen=True, slots=True)
class Forwarder:
    """Sends each valid event on to the parsed topic."""

    decoder: Decoder
    parsed: TopicPublisher
    unknown_fields: UnknownFields
    clock: Clock

    async def forward(self, message: Message) -> None:
        """Returns when the parsed event is durable; raises Reject, Retry or Busy."""
        event, unknown = self.decoder.decode(message, self.clock())
        if unknown:
            self.unknown_fields.add(unknown)
        identity = {"event_id": event.event_id}
        tracing.annotate(identity)
        attributes = {**identity, "event_type": event.event_type, **tracing.outgoing(message.attributes)}
        await self.parsed.publish(OutMessage(encode(event), attributes))
