"""One tick through the flush: a POST in, whose body nobody reads, and the summary as JSON out."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from functions.aggregate.emitting import Emitter
from functions.aggregate.flush import Flush
from functions.aggregate.layout import ensure_shards
from functions.aggregate.ports import DeadLetters
from functions.aggregate.session import Session
from functions.aggregate.summary import Summary
from shared.clock import Clock
from shared.errors import Retry
from shared.online import OnlineStore
from shared.settings import AggregateSettings
from shared.tables.sink import RowSink
from shared.telemetry.logs import LogEvent, log
from shared.windows.documents import Documents
from shared.windows.state import Layout, Shard

_DIGITS = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class FlushDependencies:
    """All that a flush works on."""

    documents: Documents
    rows: RowSink
    online: OnlineStore
    dead_letters: DeadLetters
    clock: Clock
    monotonic: Callable[[], float]
    settings: AggregateSettings

    def emitter(self) -> Emitter:
        return Emitter(self.rows, self.online, self.dead_letters, self.clock, self.settings.pipeline_version)


async def flush(dependencies: FlushDependencies, shard: int | None = None, holder: str = "") -> Summary:
    """Flushes one shard, or all of them one after the other; raises Retry when a service fails."""
    layout = await ensure_shards(dependencies.documents, dependencies.settings.flush_shards)
    total = Summary()
    for part in _shards(layout, shard):
        total.join(await _flush_shard(dependencies, part, holder or uuid4().hex))
    return total


def _shards(layout: Layout, number: int | None) -> list[Shard]:
    """The shards of every generation, the oldest windows first.

    Of an older generation with more shards than there are jobs now, each job has several.
    """
    jobs = layout.generations[-1].shards
    return [
        shard
        for generation in layout.generations
        for shard in generation.all()
        if number is None or shard.number % jobs == number
    ]


async def _flush_shard(dependencies: FlushDependencies, shard: Shard, holder: str) -> Summary:
    session = Session(dependencies.documents, shard, holder)
    await session.open()
    return await Flush(
        documents=dependencies.documents,
        session=session,
        emitter=dependencies.emitter(),
        allowed_lateness=dependencies.settings.allowed_lateness,
        monotonic=dependencies.monotonic,
    ).run()


class FlushHandler:
    """Runs one flush a request."""

    def __init__(self, dependencies: FlushDependencies) -> None:
        self._dependencies = dependencies

    async def handle(self, request: Request) -> Response:
        """200 with the summary, 400 for a shard that can't be, 405 for anything but POST, 503 when a service
        failed.

        The query may name a shard, `?shard=2`, as each of the schedule's jobs does; without one all are
        flushed.
        """
        if request.method != "POST":
            return JSONResponse(
                {"error": "send a POST: it flushes the windows"}, 405, headers={"Allow": "POST"}
            )
        shard = request.query_params.get("shard")
        if shard is not None and not _DIGITS.fullmatch(shard):
            reason = "the query's shard must be a number from 0 on, like ?shard=0"
            log.warning("request refused: %s", reason, extra={"event": LogEvent.REQUEST_REFUSED})
            return JSONResponse({"error": reason}, 400)
        try:
            summary = await flush(self._dependencies, None if shard is None else int(shard))
        except Retry as error:
            log.error(
                "the flush stopped, the next one goes on from there: %s",
                error,
                extra={"event": LogEvent.FLUSH_STOPPED},
            )
            return JSONResponse(
                {"error": f"the flush stopped, the next one goes on from there: {error}"}, 503
            )
        counts = {"shard": "all" if shard is None else int(shard), **summary.to_dict()}
        log.info("flushed", extra={"event": LogEvent.FLUSH_FINISHED, "counts": counts})
        return JSONResponse(counts)
