"""StreamingPull: leases go out by themselves, as many as the client bears, settled on the same stream."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from tools.standins.pubsub import wire
from tools.standins.pubsub.leases import Outstanding
from tools.standins.pubsub.pull import Leased, PullSubscription
from tools.standins.status import NotFound

MOST_MESSAGES = 100
"""Of a response, as Google's emulator sends them."""


class Stream:
    """One client's. What is outstanding when it ends keeps its leases until they run out."""

    def __init__(self, subscription: PullSubscription, first: Any) -> None:
        self._subscription = subscription
        self._look = asyncio.Event()
        self._outstanding = Outstanding(
            first.max_outstanding_messages, first.max_outstanding_bytes, self._look.set
        )
        self._seconds = 0.0
        self._is_first = True
        self._hear(first)

    async def responses(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Until the client closes its side or the subscription is deleted; raises StatusError."""
        listening = asyncio.create_task(self._listen(requests))
        listening.add_done_callback(lambda _: self._look.set())
        self._subscription.watch(self._look)
        self._subscription.streams += 1
        try:
            while not listening.done():
                if not self._subscription.is_open:
                    raise NotFound(f"Subscription does not exist: {self._subscription.settings.name}")
                leased = self._subscription.lease(MOST_MESSAGES, self._seconds, self._outstanding)
                if leased:
                    yield self._response(leased)
                else:
                    await self._look.wait()
                    self._look.clear()
            await listening
        finally:
            self._subscription.streams -= 1
            self._subscription.unwatch(self._look)
            listening.cancel()

    def _response(self, leased: list[Leased]) -> Any:
        return wire.streaming_response(leased, self._subscription.settings.shows_attempt())

    async def _listen(self, requests: AsyncIterator[Any]) -> None:
        async for request in requests:
            self._hear(request)

    def _hear(self, request: Any) -> None:
        wire.check_streaming(request, self._is_first)
        self._is_first = False
        self._seconds = request.stream_ack_deadline_seconds or self._seconds
        if request.ack_ids:
            self._subscription.acknowledge(request.ack_ids)
        moved: defaultdict[int, list[str]] = defaultdict(list)
        for ack_id, seconds in zip(
            request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True
        ):
            moved[seconds].append(ack_id)
        for seconds, ack_ids in moved.items():
            self._subscription.modify_deadline(ack_ids, seconds)
