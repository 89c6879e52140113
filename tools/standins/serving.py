"""What the stand-ins share: a gRPC server on loopback, and running it as a process."""

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import grpc.aio
import uvloop

from tools.faults.injecting import Faults
from tools.standins.misbehaving import misbehaving
from tools.standins.status import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    StatusError,
    Unimplemented,
    unsupported,
)

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
MessageClass: TypeAlias = Any
"""A raw protobuf class; the Google packages describe theirs only at run time."""

CODES: Mapping[type[StatusError], grpc.StatusCode] = {
    InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
}
_OPTIONS = [
    # Requests over the services' limits (10 MB) must arrive, to be refused as the services refuse them.
    ("grpc.max_receive_message_length", 64 * 2**20),
    ("grpc.max_send_message_length", 64 * 2**20),
    # Otherwise a second server on the same port would start silently and share its connections.
    ("grpc.so_reuseport", 0),
]
_GRACE_SECONDS = 0.5
FAULTS_HELP = "folder of a plan of faults under way, as cqc up --faults writes it (default: none)"


class PortTaken(Exception):
    """The port is in use, or may not be used."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a stand-in listens."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """host:port, as in the clients' environment variables."""
        return f"{self.host}:{self.port}"


Serve = Callable[[str, int], AbstractAsyncContextManager[Endpoint]]


def unary(answer: Callable[[Any], Awaitable[Any]], request: MessageClass, response: MessageClass) -> Handler:
    """One request, one response; a StatusError that `answer` raises becomes the call's status."""

    async def handle(message: Any, context: Context) -> Any:
        try:
            return await answer(message)
        except StatusError as error:
            return await context.abort(CODES[type(error)], str(error))

    return grpc.unary_unary_rpc_method_handler(handle, request.FromString, response.SerializeToString)


def streaming(
    answer: Callable[[Any], AsyncIterator[Any]], request: MessageClass, response: MessageClass
) -> Handler:
    """One request, a stream of responses; a StatusError ends the stream."""

    async def handle(message: Any, context: Context) -> AsyncIterator[Any]:
        try:
            async for item in answer(message):
                yield item
        except StatusError as error:
            await context.abort(CODES[type(error)], str(error))

    return grpc.unary_stream_rpc_method_handler(handle, request.FromString, response.SerializeToString)


def conversation(
    answer: Callable[[AsyncIterator[Any]], AsyncIterator[Any]], request: MessageClass, response: MessageClass
) -> Handler:
    """A stream of requests, a stream of responses; a StatusError ends both."""

    async def handle(messages: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        try:
            async for item in answer(messages):
                yield item
        except StatusError as error:
            await context.abort(CODES[type(error)], str(error))

    return grpc.stream_stream_rpc_method_handler(handle, request.FromString, response.SerializeToString)


class _Refusals(grpc.GenericRpcHandler):
    """Says of every other call that the stand-in does not have it."""

    def service(self, called: grpc.HandlerCallDetails) -> Handler:
        async def refuse(_: AsyncIterator[bytes], context: Context) -> None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, str(unsupported(called.method)))

        return grpc.stream_stream_rpc_method_handler(refuse)


class Empty:
    """google.protobuf.Empty as an answer: a message without fields is zero bytes."""

    def SerializeToString(self) -> bytes:
        return b""


@asynccontextmanager
async def listening(
    services: Mapping[str, dict[str, Handler]], host: str, port: int, faults: Faults | None = None
) -> AsyncIterator[Endpoint]:
    """Serves `services` (service name → method name → handler) until the block ends.

    Port 0 takes any free one. `faults` are those of a chain that misbehaves. Raises PortTaken.
    """
    check_free(host, port)
    server = grpc.aio.server(options=_OPTIONS)
    for service, methods in services.items():
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, misbehaving(methods, faults)),)
        )
    server.add_generic_rpc_handlers((_Refusals(),))
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    try:
        yield Endpoint(host, bound)
    finally:
        await server.stop(_GRACE_SECONDS)


def check_free(host: str, port: int, option: str = "--port") -> None:
    """Raises PortTaken; checked first, because gRPC and uvicorn report a taken port in their own words."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = f"cannot listen on {host}:{port} ({error.strerror})"
            raise PortTaken(f"{reason}: give another port with {option}, or 0 for any free one") from error


def command_line(name: str, keeps: bool = False) -> argparse.ArgumentParser:
    """The options that every stand-in has: --host and --port; and --data for one that keeps its data."""
    parser = argparse.ArgumentParser(prog=f"python -m tools.standins.{name}", description=f"{name} stand-in")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 takes any free one")
    if keeps:
        parser.add_argument("--data", type=Path, help="file that keeps the data (default: memory)")
        parser.add_argument("--faults", type=Path, help=FAULTS_HELP)
    return parser


def faults_of(name: str, options: argparse.Namespace) -> Faults | None:
    """Those of the part `name`, if --faults is given."""
    return None if options.faults is None else Faults(name, options.faults)


def run(name: str, serve: Serve, options: argparse.Namespace) -> None:
    """Runs a stand-in as a process until SIGTERM or SIGINT; exits with 1 when its port is taken."""
    try:
        uvloop.run(_run_until_signal(name, serve, options.host, options.port))
    except PortTaken as error:
        sys.exit(f"{name} stand-in: {error}")


async def _run_until_signal(name: str, serve: Serve, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(host, port) as endpoint:
        sys.stdout.write(f"{name} stand-in: listening on {endpoint.address}\n")
        sys.stdout.flush()
        await stop.wait()
