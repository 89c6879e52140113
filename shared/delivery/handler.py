"""One request through a function: decode, process, and answer the verdict as an HTTP status.

Pub/Sub takes 204 as the acknowledgement and delivers again, with backoff, on every other status used here.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from shared.delivery.admission import Admission, ByteBudget
from shared.delivery.direct import answer_posts_directly
from shared.delivery.envelope import decode_request
from shared.errors import BadRequest, Busy, DeadLetterHeld, Reject, Retry
from shared.message import Message
from shared.telemetry import tracing
from shared.telemetry.logs import LogEvent, log

Process = Callable[[Message], Awaitable[None]]
"""Returns once everything that the message leads to is durable; raises Reject, Retry or Busy."""
SendRejected = Callable[[Message, Reject], Awaitable[None]]
"""Returns when the message's dead letter is durable; raises Retry or Busy."""


class VerdictObserver(Protocol):
    """Sees every message's verdict before the handler acts on it (shared/dead_letters/brake.py)."""

    def passed(self, message: Message) -> None:
        """The message is not rejected."""

    def rejected(self, message: Message, reject: Reject) -> None:
        """Raises DeadLetterHeld when the message must not become a dead letter now."""


_DONE = Response(status_code=204)
"""It has no body and no state, so one object serves all requests."""
_NOBODY_LISTENS = Response(status_code=400)


class PushHandler:
    """The request handler around `process`; without `send_rejected` a Reject is a bug and is raised."""

    def __init__(
        self,
        process: Process,
        budget: ByteBudget,
        send_rejected: SendRejected | None = None,
        observer: VerdictObserver | None = None,
    ) -> None:
        self._process = process
        self._budget = budget
        self._send_rejected = send_rejected
        self._observer = observer

    async def handle(self, request: Request) -> Response:
        """`answer` behind the framework: for the first request, and later ones that are no POST."""
        answer_posts_directly(request.scope.get("app"), self.answer)
        return await self.answer(request.scope, request.receive)

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """204 done or dead-lettered, 400 not a Pub/Sub delivery, 429 busy, 503 may succeed later."""
        with Admission(self._budget) as admission:
            try:
                message = decode_request(await admission.read(scope, receive))
            except BadRequest as error:
                log.warning("request refused: %s", error, extra={"event": LogEvent.REQUEST_REFUSED})
                return _plain_text(400, error)
            except Busy as error:
                return _plain_text(429, error)
            except ClientDisconnect:
                log.warning(
                    "request refused: its sender left before the body was whole",
                    extra={"event": LogEvent.REQUEST_REFUSED},
                )
                return _NOBODY_LISTENS
            with tracing.received(message, scope):
                return await self._status(message)

    async def _status(self, message: Message) -> Response:
        try:
            await self._run(message)
        except Busy as error:
            tracing.annotate({"error.type": "busy"})
            return _plain_text(429, error)
        except DeadLetterHeld as error:  # logged once, when the brake engaged
            tracing.annotate({"error.type": "held"})
            return _plain_text(503, error)
        except Retry as error:
            tracing.annotate({"error.type": "retry"})
            log.error(
                "message %s was answered 503 and Pub/Sub will deliver it again: %s",
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
            return _plain_text(503, error)
        return _DONE

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


def _plain_text(status: int, error: Exception) -> Response:
    return Response(f"{error}\n", status_code=status, media_type="text/plain")
