"""FeatureViewDirectWrite: one stream, many requests in flight on it, answers matched by key.

The service answers out of order, with one status a group of keys, and a key's error leaves the stream open.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.api_core.gapic_v1.routing_header import to_grpc_metadata

from shared.gcp.channel import CLIENT_HEADER
from shared.gcp.feature_store_messages import SERVICE, WriteEnvelope, WriteResponse

_METHOD = f"/{SERVICE}/FeatureViewDirectWrite"


class StreamEnded(ConnectionError):
    """The stream is over, whatever was in flight on it; its text says why."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the service says of a key that it does not write."""

    code: int
    text: str


@dataclass(slots=True, eq=False)
class _Request:
    """One request in flight: the keys without an answer, and the refusals so far."""

    waiting: set[str]
    refused: dict[str, Refusal] = field(default_factory=dict)
    done: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class DirectWriteStream:
    """One call on `channel`, which connects at the first request."""

    def __init__(self, view: str, channel: grpc.aio.Channel) -> None:
        self._view = view
        open_call = channel.stream_stream(
            _METHOD,
            request_serializer=WriteEnvelope.SerializeToString,
            response_deserializer=WriteResponse.FromString,
        )
        routing = to_grpc_metadata({"feature_view": view})
        self._call: Any = open_call(metadata=(routing, CLIENT_HEADER))
        self._in_flight: dict[str, _Request] = {}
        self._one_writer = asyncio.Lock()
        self._released = False
        self._reader = asyncio.create_task(self._read())

    async def exchange(self, entities: Mapping[str, bytes]) -> Mapping[str, Refusal]:
        """Sends the encoded entities by key; returns when each has its answer, with those that were refused.

        Raises StreamEnded.
        """
        await self.free(entities)
        request = _Request(set(entities))
        self._in_flight |= dict.fromkeys(entities, request)
        try:
            await self._send(entities.values())
            await request.done
        finally:
            self._forget(request, entities)
        return request.refused

    async def free(self, keys: Iterable[str]) -> None:
        """Returns when none of the keys is in flight: of two answers to one nobody could say whose is
        whose."""
        while others := {self._in_flight[key].done for key in keys if key in self._in_flight}:
            await asyncio.wait(others)

    def release(self) -> None:
        """Ends the stream as soon as nothing is in flight on it."""
        self._released = True
        if not self._in_flight:
            self._call.cancel()

    async def _send(self, entities: Iterable[bytes]) -> None:
        envelope = WriteEnvelope(feature_view=self._view, data_key_and_feature_values=entities)
        try:
            async with self._one_writer:  # gRPC takes one message at a time
                await self._call.write(envelope)
        except asyncio.InvalidStateError as error:  # grpc's word for a call that has ended, as idle ones do
            raise StreamEnded("the server had ended the stream") from error
        except grpc.aio.AioRpcError as error:
            raise _ended(error) from error

    def _forget(self, request: _Request, keys: Iterable[str]) -> None:
        for key in keys:
            if self._in_flight.get(key) is request:
                del self._in_flight[key]
        request.done.cancel()  # wakes those that wait for a key of it
        if self._released:
            self.release()

    async def _read(self) -> None:
        ending = StreamEnded("the server ended the stream")
        try:
            while isinstance(answer := await self._call.read(), WriteResponse):  # else grpc's mark of the end
                self._take(answer)
        except grpc.aio.AioRpcError as error:
            ending = _ended(error)
        finally:
            for request in set(self._in_flight.values()):
                if not request.done.done():
                    request.done.set_exception(ending)

    def _take(self, answer: Any) -> None:
        status = answer.status
        keys = {written.data_key.key for written in answer.write_responses}
        if status.code and not keys:
            keys = set(self._in_flight)  # an error that names no key is of all that are unanswered
        for key in keys & self._in_flight.keys():
            request = self._in_flight[key]
            if key in request.waiting:
                request.waiting.remove(key)
                if status.code:
                    request.refused[key] = Refusal(status.code, status.message)
                if not request.waiting:
                    request.done.set_result(None)


def _ended(error: grpc.aio.AioRpcError) -> StreamEnded:
    return StreamEnded(f"{error.code().name}, {error.details()}")
