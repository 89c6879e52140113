"""One tick through the flush: a POST in, the summary as JSON out."""

from collections.abc import Callable
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from functions.aggregate.flush import Flush, FlushDependencies
from functions.aggregate.ports import Store
from shared.errors import Retry
from shared.telemetry.logs import LogEvent, log


class FlushHandler:
    """Runs one flush a request; `new_store` gives each its own fence."""

    def __init__(self, dependencies: FlushDependencies, new_store: Callable[[], Store]) -> None:
        self._dependencies = dependencies
        self._new_store = new_store

    async def handle(self, request: Request) -> Response:
        """200 with the summary, 405 for anything but POST, 503 when a service failed."""
        if request.method != "POST":
            return JSONResponse(
                {"error": "send a POST: it flushes the windows"}, 405, headers={"Allow": "POST"}
            )
        try:
            summary = await Flush(self._dependencies, self._new_store(), holder=uuid4().hex).run()
        except Retry as error:
            log.error(
                "the flush stopped, the next one goes on from there: %s",
                error,
                extra={"event": LogEvent.FLUSH_STOPPED},
            )
            return JSONResponse(
                {"error": f"the flush stopped, the next one goes on from there: {error}"}, 503
            )
        counts = summary.to_dict()
        log.info("flushed", extra={"event": LogEvent.FLUSH_FINISHED, "counts": counts})
        return JSONResponse(counts)
