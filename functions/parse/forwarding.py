"""Decodes each message and publishes its event: all that `parse` does."""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.parse.decoding import Decoder
from functions.parse.ports import ParsedTopic
from shared.clock import Clock
from shared.delivery.batching import GroupCommit, with_isolated_prepare
from shared.events import encode
from shared.message import HEARTBEAT_ATTRIBUTE, HEARTBEAT_DATA, PROBE_ATTRIBUTE, Message, OutMessage
from shared.settings import ParseSettings
from shared.telemetry import tracing
from shared.telemetry.logs import UnknownFields


@dataclass(slots=True)
class _Delivery:
    """A message on its way through a batch."""

    message: Message
    trace: Mapping[str, str]
    event_id: str = ""


class Forwarder:
    """Publishes each valid event to the parsed topic, by group commit."""

    def __init__(
        self, parsed: ParsedTopic, settings: ParseSettings, clock: Clock, unknown_fields: UnknownFields
    ) -> None:
        self._decoder = Decoder.of(settings)
        self._unknown_fields = unknown_fields
        self._clock = clock
        commit = with_isolated_prepare(self._decode, parsed.publish_batch)
        self._batches: GroupCommit[_Delivery] = GroupCommit(commit, settings.limits, "publish")

    async def forward(self, message: Message) -> None:
        """Returns when the parsed event is durable; raises Reject, Retry or Busy."""
        delivery = _Delivery(message, tracing.outgoing(message.attributes))
        await self._batches.submit(delivery, len(message.data))
        tracing.annotate({"event_id": delivery.event_id})

    def _decode(self, delivery: _Delivery) -> OutMessage:
        if delivery.message.is_heartbeat:
            sent = delivery.message.publish_time or self._clock()
            attributes = {HEARTBEAT_ATTRIBUTE: sent.isoformat(), **_probe(delivery.message), **delivery.trace}
            return OutMessage(HEARTBEAT_DATA, attributes)
        event, unknown = self._decoder.decode(delivery.message, self._clock())
        if unknown:
            self._unknown_fields.add(unknown)
        delivery.event_id = event.event_id
        attributes = {"event_id": event.event_id, "event_type": event.event_type, **delivery.trace}
        return OutMessage(encode(event), attributes)


def _probe(message: Message) -> Mapping[str, str]:
    """The name of the probe that a heartbeat is, if it is one."""
    name = message.attributes.get(PROBE_ATTRIBUTE)
    return {} if name is None else {PROBE_ATTRIBUTE: name}
