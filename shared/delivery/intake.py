"""A message's way through a stage to its verdict, the same whatever driver brought it.

push.py answers the verdict as an HTTP status, pull.py settles it on the stream.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from shared.errors import Busy, DeadLetterHeld, Reject, Retry
from shared.message import Message
from shared.telemetry import tracing
from shared.telemetry.logs import LogEvent, log

Process = Callable[[Message], Awaitable[None]]
"""Returns once everything that the message leads to is durable; raises Reject, Retry or Busy."""
SendRejected = Callable[[Message, Reject], Awaitable[None]]
"""Returns when the message's dead letter is durable; raises Retry or Busy."""


class VerdictObserver(Protocol):
    """Sees every message's verdict before it is acted on (shared/dead_letters/brake.py)."""

    def passed(self, message: Message) -> None:
        """The message is not rejected."""

    def rejected(self, message: Message, reject: Reject) -> None:
        """Raises DeadLetterHeld when the message must not become a dead letter now."""


class Intake:
    """What stands around `process`; without `send_rejected` a Reject is a bug and is raised."""

    def __init__(
        self,
        process: Process,
        send_rejected: SendRejected | None = None,
        observer: VerdictObserver | None = None,
    ) -> None:
        self._process = process
        self._send_rejected = send_rejected
        self._observer = observer

    async def take(self, message: Message) -> Retry | None:
        """None: the message is done or dead-lettered, durably, and may be acknowledged. Else why it must be
        delivered again, which is logged. What it raises is a bug: not to be acknowledged either."""
        try:
            await self._run(message)
        except Busy as error:
            tracing.annotate({"error.type": "busy"})
            return error
        except DeadLetterHeld as error:  # logged once, when the brake engaged
            tracing.annotate({"error.type": "held"})
            return error
        except Retry as error:
            tracing.annotate({"error.type": "retry"})
            _log_retry(message, error)
            return error
        return None

    async def _run(self, message: Message) -> None:
        try:
            await self._process(message)
        except Reject as reject:
            if self._send_rejected is None:
                raise
            tracing.annotate({"error.type": reject.error_type.value})
            if self._observer is not None:
                self._observer.rejected(message, reject)
            await self._send_rejected(message, reject)
        except Retry:
            self._count_passed(message)
            raise
        else:
            self._count_passed(message)

    def _count_passed(self, message: Message) -> None:
        if self._observer is not None:
            self._observer.passed(message)


def _log_retry(message: Message, error: Retry) -> None:
    log.error(
        "message %s failed and Pub/Sub will deliver it again: %s",
        message.message_id,
        error,
        extra={
            "event": LogEvent.MESSAGE_RETRIED,
            "event_id": message.attributes.get("event_id"),
            "message_id": message.message_id,
            "subscription": message.subscription,
            "delivery_attempt": message.delivery_attempt,
        },
    )
