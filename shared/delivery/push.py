"""One push: decode the request, take the message to its verdict, and answer that as an HTTP status.

Pub/Sub takes 204 as the acknowledgement and delivers again, with backoff, on every other status used here.
"""

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from shared.delivery.admission import Admission, ByteBudget
from shared.delivery.direct import answer_posts_directly
from shared.delivery.envelope import decode_request
from shared.delivery.intake import Intake
from shared.errors import BadRequest, Busy
from shared.telemetry import tracing
from shared.telemetry.logs import LogEvent, log

_DONE = Response(status_code=204)
"""It has no body and no state, so one object serves all requests."""
_NOBODY_LISTENS = Response(status_code=400)


class PushHandler:
    """The request handler around an intake."""

    def __init__(self, intake: Intake, budget: ByteBudget) -> None:
        self.intake = intake
        self._budget = budget

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
                retry = await self.intake.take(message)
        if retry is None:
            return _DONE
        return _plain_text(429 if isinstance(retry, Busy) else 503, retry)


def _plain_text(status: int, error: Exception) -> Response:
    return Response(f"{error}\n", status_code=status, media_type="text/plain")
