"""The feature-store stand-in as unpleasant as the service may be; tests change it while it serves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tools.standins.feature_store.server import FeatureOnlineStoreService
from tools.standins.feature_store.table import FeatureTable


@dataclass(slots=True)
class Hostility:
    """How the store treats direct writes, and what it has seen of them."""

    delay: float = 0.0
    """Seconds from a request to its answers; requests do not wait for each other."""
    out_of_order: Random | None = None
    """Scatters each answer over up to `delay`, among those of other requests."""
    keys_a_status: int | None = None
    """Answers a request in groups of so many keys, each with a status of its own; None for one an outcome."""
    refuse: Callable[[str], tuple[int, str] | None] = lambda _: None
    """Key to the code and text of its error."""
    ignore: Callable[[str], bool] = lambda _: False
    """Whether a key gets no answer."""
    is_silent: bool = False
    """Takes requests and answers none."""
    barrier: asyncio.Barrier | None = None
    """Answers no request before as many are in flight as the barrier has parties."""
    streams: int = 0
    requests: int = 0
    in_flight: int = 0
    most_in_flight: int = 0


class HostileService(FeatureOnlineStoreService):
    """Writes what it answers well, as the stand-in does."""

    def __init__(self, table: FeatureTable, hostility: Hostility) -> None:
        super().__init__(table)
        self._hostility = hostility

    async def direct_write(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Answers as the hostility says."""
        self._hostility.streams += 1
        answers: asyncio.Queue[Any] = asyncio.Queue()
        taking = asyncio.create_task(self._take(requests, answers))
        try:
            while (answer := await answers.get()) is not None:
                yield answer
        finally:
            taking.cancel()

    async def _take(self, requests: AsyncIterator[Any], answers: "asyncio.Queue[Any]") -> None:
        async with asyncio.TaskGroup() as group:
            async for request in requests:
                self._hostility.requests += 1
                group.create_task(self._answer(request, answers))
        await answers.put(None)

    async def _answer(self, request: Any, answers: "asyncio.Queue[Any]") -> None:
        hostility, entities = self._hostility, request.data_key_and_feature_values
        if hostility.is_silent:
            return
        hostility.in_flight += 1
        hostility.most_in_flight = max(hostility.most_in_flight, hostility.in_flight)
        size = hostility.keys_a_status or max(1, len(entities))
        entities = [entity for entity in entities if not hostility.ignore(entity.data_key.key)]
        if hostility.barrier is not None:
            await hostility.barrier.wait()
        groups = [entities[at : at + size] for at in range(0, len(entities), size)]
        await asyncio.gather(
            *(self._answer_group(request.feature_view, entity, answers) for entity in groups)
        )
        hostility.in_flight -= 1

    async def _answer_group(self, view: str, entities: Sequence[Any], answers: "asyncio.Queue[Any]") -> None:
        hostility, scatter = self._hostility, self._hostility.out_of_order
        await asyncio.sleep(hostility.delay * (scatter.random() if scatter else 1))
        taken: list[Any] = []
        refused: dict[tuple[int, str], list[Any]] = {}
        for entity in entities:
            error = hostility.refuse(entity.data_key.key)
            (refused.setdefault(error, []) if error else taken).append(entity)
        for response in self.write(view, taken):
            await answers.put(response)
        for (code, text), some in refused.items():
            await answers.put(self.response(code, text, some))
