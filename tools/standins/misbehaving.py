"""gRPC handlers that misbehave as a plan of faults says, around those of a stand-in that behaves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import grpc
import grpc.aio

from tools.faults.injecting import Call, Faults
from tools.faults.plan import Fault

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

MEETING = frozenset(
    ("Publish", "StreamingPull", "FeatureViewDirectWrite", "Commit", "BatchGetDocuments", "RunQuery")
)
"""The calls that the functions make. The others are those of the tools, which look from outside."""
TEXT = "a planned fault"


def misbehaving(methods: Mapping[str, Handler], faults: Faults | None) -> dict[str, Handler]:
    """The handlers of a service, by method."""
    if faults is None:
        return dict(methods)
    return {
        name: _around(handler, name, faults) if name in MEETING else handler
        for name, handler in methods.items()
    }


def _around(handler: Handler, name: str, faults: Faults) -> Handler:
    kinds: tuple[tuple[Any, Any, Any], ...] = (
        (handler.unary_unary, _unary, grpc.unary_unary_rpc_method_handler),
        (handler.unary_stream, _listing, grpc.unary_stream_rpc_method_handler),
        (handler.stream_stream, _conversation, grpc.stream_stream_rpc_method_handler),
    )
    inner, wrap, build = next(kind for kind in kinds if kind[0] is not None)
    found: Handler = build(
        wrap(inner, lambda: faults.call(name)), handler.request_deserializer, handler.response_serializer
    )
    return found


async def _abort(context: Context, code: str) -> None:
    await context.abort(grpc.StatusCode[code], TEXT)


async def _begin(call: Call, context: Context) -> None:
    await asyncio.sleep(call.slow_by)
    if code := call.failure():
        await _abort(context, code)


def _unary(inner: Callable[..., Awaitable[Any]], next_call: Callable[[], Call | None]) -> Any:
    async def handle(message: Any, context: Context) -> Any:
        call = next_call()
        if call is None:
            return await inner(message, context)
        await _begin(call, context)
        # A caller that hangs up does not take the call back.
        answer = await asyncio.shield(asyncio.ensure_future(inner(message, context)))
        if code := call.lost_answer():
            await _abort(context, code)
        return answer

    return handle


def _listing(inner: Callable[..., AsyncIterator[Any]], next_call: Callable[[], Call | None]) -> Any:
    async def handle(message: Any, context: Context) -> AsyncIterator[Any]:
        call = next_call()
        if call is None:
            async for item in inner(message, context):
                yield item
            return
        await _begin(call, context)
        items = [item async for item in inner(message, context)]
        share = call.faults.calls.shuffles_reads
        if len(items) > 1 and call.site == "BatchGetDocuments" and call.happens(Fault.SHUFFLES, share):
            items.reverse()
        cut = call.happens(Fault.CUTS_LISTING, call.faults.calls.cuts_listings)
        for item in items[: int(call.roll("after how many") * len(items))] if cut else items:
            yield item
        if cut:
            await _abort(context, "UNAVAILABLE")

    return handle


def _conversation(inner: Callable[..., AsyncIterator[Any]], next_call: Callable[[], Call | None]) -> Any:
    async def handle(messages: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        async def admitted() -> AsyncIterator[Any]:
            async for message in messages:
                if call := next_call():
                    await _begin(call, context)
                yield message

        async for item in inner(admitted(), context):
            call = next_call()
            if call is not None and (code := call.lost_answer()):
                await _abort(context, code)
            yield item
            if call is not None and call.happens(Fault.CLOSES_STREAM, call.faults.calls.closes_streams):
                return

    return handle
