"""How the adapters reach a service, the real one or the local one that a variable names, and what they do
about a connection that has died.

A half-open connection takes every byte and answers nothing: to wait longer or to try again on it is in vain.
So each try has a limit of its own, and a try that hangs or finds the connection broken leaves a new channel
to the next one.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

import google.auth
import google.protobuf
import grpc
import grpc.aio
from google.api_core.exceptions import GoogleAPICallError
from google.api_core.gapic_v1.client_info import ClientInfo
from google.api_core.grpc_helpers_async import create_channel
from google.auth.credentials import Credentials

T = TypeVar("T")
R = TypeVar("R")

TRY_SECONDS = 3.0
"""What a try may take before its connection counts as dead. The services answer within 1 s at the 99th
percentile; of a whole deadline of 10 s, 7 s are left for a second try on a new connection."""
GRACE_SECONDS = 30.0
"""How long a channel that was given up stays open for the calls of others on it: the longest deadline."""

_OPTIONS = (
    # gRPC's own limit for what it receives is 4 MB; a batch of rows or a page of documents is larger.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # Pub/Sub's client allows this much for a status with its details.
    ("grpc.max_metadata_size", 4 * 2**20),
    # Without it a new channel to the same address gets the old one's TCP connection, dead or not.
    ("grpc.use_local_subchannel_pool", 1),
)
KEEPALIVE_OPTIONS = (
    # Google's front ends admit a ping every 30 s and answer more with GOAWAY too_many_pings; Google's clients
    # for Pub/Sub, Firestore and Bigtable send them at 30 s, Bigtable's with 10 s for the answer.
    # Source: https://github.com/googleapis/java-bigtable-hbase/pull/2682
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # In grpcio 1.85 the one above does nothing below 60 s, the default of this one: seen in a test.
    ("grpc.http2.ping_timeout_ms", 10_000),
    # Only while a call is open: pings on an idle connection count against the limit. The streams always are.
    ("grpc.keepalive_permit_without_calls", 0),
    # gRPC's own limit stops after 2 pings without data, which is all that an idle stream sends.
    ("grpc.http2.max_pings_without_data", 0),
)
"""For the real services. A local server closes connections that ping more often than every 5 minutes, gRPC's
default, which Google's emulators have no option for; and loopback loses no connection silently."""
_VERSIONS = ClientInfo(protobuf_runtime_version=google.protobuf.__version__)
CLIENT_HEADER: tuple[str, str] = _VERSIONS.to_grpc_metadata()
"""x-goog-api-client, as Google's clients send it with every call: the versions of Python and libraries."""
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_OF_THE_CONNECTION = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


@dataclass(frozen=True, slots=True)
class Service:
    """A Google service, and the environment's variable that names a local one (host:port) instead."""

    host: str
    variable: str
    audience: str | None = None
    """The host in the audience of a self-signed token, where it is not `host`."""


def is_local(service: Service) -> bool:
    """Whether the environment names a local one."""
    return bool(os.environ.get(service.variable))


def open_channel(service: Service) -> grpc.aio.Channel:
    """A channel in the running loop: TLS and credentials to the real service, none to a local one.

    Connects to nothing yet. The first one of the process finds the credentials, which may ask the
    metadata server; raises google.auth's DefaultCredentialsError.
    """
    endpoint = os.environ.get(service.variable)
    if endpoint:
        return grpc.aio.insecure_channel(endpoint, options=_OPTIONS)
    channel: grpc.aio.Channel = create_channel(
        f"{service.host}:443",
        credentials=_credentials(),
        default_host=service.audience or service.host,
        options=_OPTIONS + KEEPALIVE_OPTIONS,
    )
    return channel


@cache
def _credentials() -> Credentials:
    """Found once: a new channel in the middle of an outage must not wait for the metadata server."""
    credentials, _ = google.auth.default(default_scopes=_SCOPES)
    found: Credentials = credentials
    return found


class Reconnecting(Generic[T]):
    """Whatever `make` builds on a channel (stubs, a stream, a Google transport), rebuilt after a failure.

    Opened by the first try, in its loop. `release` is called when the next try is to get a new one; the
    channel stays open for as long as other tries need it, at most GRACE_SECONDS.
    """

    def __init__(
        self,
        service: Service,
        make: Callable[[grpc.aio.Channel], T],
        release: Callable[[T], None] = lambda _: None,
    ) -> None:
        self._service = service
        self._make = make
        self._release = release
        self._current: tuple[grpc.aio.Channel, T] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def attempt(self, use: Callable[[T], Awaitable[R]], seconds: float | None) -> R:
        """One try, given up after `seconds` with TimeoutError; None leaves the limit to the caller.

        The next one gets a new channel, unless this one ended with an answer of the service: a result or
        a status that says nothing about the connection.
        """
        used = self._opened()
        try:
            async with asyncio.timeout(seconds):
                return await use(used[1])
        except BaseException as error:
            if _code(error) in _OF_THE_CONNECTION or _code(error) is None:
                self._retire(used)
            raise

    def current(self) -> T:
        """For a call that outlives a try: its caller calls `renew` when the connection fails."""
        return self._opened()[1]

    def renew(self) -> None:
        """Lets the next try have a new channel."""
        if self._current is not None:
            self._retire(self._current)

    async def close(self) -> None:
        """Ends the connection; a later try opens a new one."""
        self.renew()
        await asyncio.gather(*self._closing)

    def _opened(self) -> tuple[grpc.aio.Channel, T]:
        if self._current is None:
            channel = open_channel(self._service)
            self._current = channel, self._make(channel)
        return self._current

    def _retire(self, used: tuple[grpc.aio.Channel, T]) -> None:
        if self._current is not used:
            return  # another try on it came first
        self._current = None
        channel, client = used
        self._release(client)
        closing = asyncio.create_task(channel.close(GRACE_SECONDS))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def _code(error: BaseException) -> grpc.StatusCode | None:
    """The status that the service or gRPC gave, None for any other failure."""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code()
    if isinstance(error, GoogleAPICallError):
        code: grpc.StatusCode | None = error.grpc_status_code
        return code
    return None
