"""Subscriptions for functions that pull: never short of messages; each is timed until it is settled."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from itertools import cycle
from random import Random
from typing import Any

from google.pubsub_v1 import types

from shared.delivery.envelope import decode_request
from tools.bench.load import Load, LoadFailed
from tools.standins.serving import Handler, conversation

_Request = types.StreamingPullRequest.pb()
_Response = types.StreamingPullResponse.pb()
_Message = types.PubsubMessage.pb()
START_SECONDS = 60.0
"""From a function's start to its first acknowledgement, at most."""


class Feed:
    """One subscription, with one reader."""

    def __init__(self, subscription: str, messages: Sequence[Any]) -> None:
        self.subscription = subscription
        self._messages = cycle(messages)
        self._due = 0
        self._serial = 0
        self._outstanding: dict[str, float] = {}
        self._latencies: list[float] = []
        self._missing = 0
        """Of the load under way: not acknowledged yet."""
        self._news = asyncio.Event()
        self._done: asyncio.Future[None] | None = None

    async def first_answer(self) -> None:
        """Returns when the function has acknowledged its first message; raises OSError when it does not."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self.run(1)
        except TimeoutError:
            raise OSError(f"{self.subscription}: nothing was acknowledged") from None

    async def run(self, count: int) -> Load:
        """So many messages as fast as the function takes them; raises LoadFailed."""
        began = self._begin(count)
        self._add(count)
        return await self._end(count, began)

    async def run_paced(self, count: int, rate: float) -> Load:
        """So many as they come from many producers: `rate` a second on average, at random times (exponential
        gaps, the same in each run); raises LoadFailed."""
        random = Random(1)
        began = due = self._begin(count)
        for _ in range(count):
            due += random.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            self._add(1)
        return await self._end(count, began)

    async def stream(self, requests: AsyncIterator[Any], limit: int) -> AsyncIterator[Any]:
        """Responses, with at most `limit` messages outstanding."""
        listening = asyncio.create_task(self._listen(requests))
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                count = min(self._due, limit - len(self._outstanding))
                if count > 0:
                    self._due -= count
                    yield self._response(count)
        finally:
            listening.cancel()

    def _begin(self, count: int) -> float:
        self._missing, self._latencies = count, []
        self._done = asyncio.get_running_loop().create_future()
        return time.perf_counter()

    def _add(self, count: int) -> None:
        self._due += count
        self._news.set()

    async def _end(self, count: int, began: float) -> Load:
        assert self._done is not None
        await self._done
        return Load(count, time.perf_counter() - began, sorted(self._latencies))

    def _response(self, count: int) -> Any:
        response, now = _Response(), time.perf_counter()
        for _ in range(count):
            self._serial += 1
            message = next(self._messages)
            message.message_id = ack_id = str(self._serial)
            response.received_messages.add(ack_id=ack_id, message=message)
            self._outstanding[ack_id] = now
        return response

    async def _listen(self, requests: AsyncIterator[Any]) -> None:
        async for request in requests:
            if request.modify_deadline_ack_ids and self._done and not self._done.done():
                self._done.set_exception(LoadFailed("the function gave messages back: its log says why"))
            now = time.perf_counter()
            for ack_id in request.ack_ids:
                self._latencies.append(now - self._outstanding.pop(ack_id))
            self._missing -= len(request.ack_ids)
            if not self._missing and self._done and not self._done.done():
                self._done.set_result(None)
            self._news.set()


class Subscriber:
    """Pub/Sub's Subscriber, as far as a function that pulls needs it."""

    def __init__(self) -> None:
        self._feeds: dict[str, Feed] = {}

    def feed(self, subscription: str, pushes: Sequence[bytes]) -> Feed:
        """A subscription with the messages of these pushes, over and over."""
        feed = self._feeds[subscription] = Feed(subscription, [_message(body) for body in pushes])
        return feed

    async def streaming_pull(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        first = await anext(aiter(requests))
        async for response in self._feeds[first.subscription].stream(
            requests, first.max_outstanding_messages
        ):
            yield response

    def services(self) -> dict[str, dict[str, Handler]]:
        """For Sinks.listen."""
        handler = conversation(self.streaming_pull, _Request, _Response)
        return {"google.pubsub.v1.Subscriber": {"StreamingPull": handler}}


def _message(body: bytes) -> Any:
    pushed = decode_request(body)
    message = _Message(data=pushed.data, attributes=dict(pushed.attributes))
    message.publish_time.GetCurrentTime()
    return message
