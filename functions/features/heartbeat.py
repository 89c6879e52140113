"""The synthetic heartbeat ends here: what it says is how long it was on its way, and that it came."""

from datetime import UTC, datetime

from shared.clock import Clock
from shared.delivery.intake import Process
from shared.message import HEARTBEAT_ATTRIBUTE, PROBE_ATTRIBUTE, Message
from shared.telemetry.logs import LogEvent, log


def answering_heartbeats(process: Process, clock: Clock) -> Process:
    """`process` for events; a heartbeat reaches no sink, only the log, from which its metric is made."""

    async def process_or_answer(message: Message) -> None:
        if not message.is_heartbeat:
            await process(message)
            return
        sent = datetime.fromisoformat(message.attributes[HEARTBEAT_ATTRIBUTE]).astimezone(UTC)
        latency = round((clock() - sent).total_seconds(), 3)
        fields = {"event": LogEvent.HEARTBEAT_RECEIVED, "counts": {"latency_seconds": latency}}
        if name := message.attributes.get(PROBE_ATTRIBUTE):
            fields["event_id"] = name
        log.info("heartbeat received", extra=fields)

    return process_or_answer
