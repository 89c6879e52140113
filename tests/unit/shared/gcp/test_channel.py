"""Channels: what they are opened with, beside what Google's own clients open theirs with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import google.auth
import grpc
import grpc.aio
import pytest
from google.api_core.exceptions import DeadlineExceeded, FailedPrecondition, NotFound, ServiceUnavailable
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.grpc import AuthMetadataPlugin
from google.cloud.aiplatform_v1.services.feature_online_store_service.transports.grpc_asyncio import (
    FeatureOnlineStoreServiceGrpcAsyncIOTransport,
)
from google.cloud.bigquery_storage_v1.services.big_query_write.transports.grpc_asyncio import (
    BigQueryWriteGrpcAsyncIOTransport,
)
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport

from shared.gcp import bigquery, channel, firestore, pubsub
from shared.gcp.bigquery import BIGQUERY_STORAGE
from shared.gcp.channel import GRACE_SECONDS, KEEPALIVE_OPTIONS, Reconnecting, Service, open_channel
from shared.gcp.feature_store import service_of
from shared.gcp.pubsub import PUBSUB
from tests.support.freezing_proxy import FreezingProxy, freezing_proxy
from tools.standins.serving import conversation, listening

VIEW = "projects/p/locations/europe-west2/featureOnlineStores/s/featureViews/v"
FEATURE_STORE_HOST = "europe-west2-aiplatform.googleapis.com"
ECHO = Service("echo.example", "ECHO_HOST")


class Opened:
    """What gRPC and google-auth were asked for."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        self.options: list[dict[str, Any]] = []
        self.audiences: list[str | None] = []
        self.searches = 0


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Records it, and connects to nothing."""
    opened = Opened()
    secure_channel = grpc.aio.secure_channel

    def open_secure(target: str, credentials: Any, options: Any = None, **rest: Any) -> grpc.aio.Channel:
        opened.targets.append(target)
        opened.options.append(dict(options or ()))
        return secure_channel(target, credentials, options, **rest)

    prepare = AuthMetadataPlugin.__init__

    def prepare_plugin(plugin: AuthMetadataPlugin, *arguments: Any, **options: Any) -> None:
        opened.audiences.append(options["default_host"])
        prepare(plugin, *arguments, **options)  # type: ignore[no-untyped-call]  # google-auth's own

    def search(**_: object) -> tuple[AnonymousCredentials, None]:
        opened.searches += 1
        return AnonymousCredentials(), None

    monkeypatch.setattr(grpc.aio, "secure_channel", open_secure)
    monkeypatch.setattr(AuthMetadataPlugin, "__init__", prepare_plugin)
    monkeypatch.setattr(google.auth, "default", search)
    channel._credentials.cache_clear()
    yield opened
    channel._credentials.cache_clear()


@pytest.mark.parametrize(
    ("service", "transport"),
    [
        (PUBSUB, PublisherGrpcAsyncIOTransport),
        (BIGQUERY_STORAGE, BigQueryWriteGrpcAsyncIOTransport),
        (service_of(VIEW), lambda: FeatureOnlineStoreServiceGrpcAsyncIOTransport(host=FEATURE_STORE_HOST)),
    ],
)
async def test_a_real_service_is_reached_as_googles_client_reaches_it_and_with_keepalive(
    opened: Opened, service: Service, transport: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(service.variable, raising=False)
    async with open_channel(service):
        await transport().close()
    assert opened.targets[0] == opened.targets[1]
    assert opened.audiences[0] == opened.audiences[1], "of a self-signed token"
    ours, theirs = opened.options
    assert theirs.items() <= ours.items()
    assert dict(KEEPALIVE_OPTIONS).items() <= ours.items()


async def test_credentials_are_looked_for_once(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PUBSUB.variable, raising=False)
    async with open_channel(PUBSUB), open_channel(BIGQUERY_STORAGE):
        assert opened.searches == 1


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FreezingProxy]:
    """On the way to a service that answers what it is sent."""

    async def echo(messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for message in messages:
            yield message

    class Bytes:
        FromString = SerializeToString = staticmethod(bytes)

    async with listening({"Echo": {"Talk": conversation(echo, Bytes, Bytes)}}, "127.0.0.1", 0) as endpoint:  # noqa: SIM117
        async with freezing_proxy(endpoint.address) as (proxy, address):
            monkeypatch.setenv(ECHO.variable, address)
            yield proxy


async def test_keepalive_ends_a_stream_whose_connection_has_frozen(
    proxy: FreezingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the options of production, each time cut to 50 ms: nothing else would ever end this read."""
    options = tuple((name, 50 if value >= 1_000 else value) for name, value in KEEPALIVE_OPTIONS)
    monkeypatch.setattr(channel, "_OPTIONS", channel._OPTIONS + options)
    async with open_channel(ECHO) as opened:
        call: Any = opened.stream_stream("/Echo/Talk")()
        await call.write(b"hello")
        assert await call.read() == b"hello"
        proxy.freeze()
        with pytest.raises(grpc.aio.AioRpcError, match="ping timeout"):
            await call.read()


@pytest.mark.parametrize(
    ("error", "is_renewed"),
    [
        (ServiceUnavailable, True),
        (DeadlineExceeded, True),
        (ConnectionError, True),
        (asyncio.CancelledError, True),
        (FailedPrecondition, False),
        (NotFound, False),
    ],
)
async def test_only_an_answer_of_the_service_keeps_the_channel(
    proxy: FreezingProxy, error: type[BaseException], is_renewed: bool
) -> None:
    """Both as gRPC and as Google's clients raise them."""
    made: list[grpc.aio.Channel] = []
    service = Reconnecting(ECHO, made.append)

    async def fail(_: None) -> None:
        raise error("at the end of a try")

    for _ in range(2):
        with pytest.raises(error):
            await service.attempt(fail, 20)
    assert len(made) == (2 if is_renewed else 1)
    assert proxy.connections == 0, "a channel connects at its first call"
    await service.close()


def test_a_channel_that_was_given_up_outlives_every_call_on_it() -> None:
    """A call that its channel's end cancels is neither retried nor said to have failed."""
    longest = max(firestore.DEADLINE, firestore.FLUSH_DEADLINE, bigquery.DEADLINE, pubsub.DEADLINE)
    assert longest <= GRACE_SECONDS


async def test_others_calls_go_on_when_one_try_gives_the_channel_up(proxy: FreezingProxy) -> None:
    service: Reconnecting[Any] = Reconnecting(ECHO, lambda channel: channel.stream_stream("/Echo/Talk"))
    going_on = asyncio.Event()

    async def talk(open_call: Any) -> bytes:
        call = open_call()
        await call.write(b"first")
        await call.read()
        going_on.set()
        await hung
        await call.write(b"second")
        answer: bytes = await call.read()
        call.cancel()
        return answer

    async def hang(_: Any) -> None:
        await asyncio.Event().wait()

    hung: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    talking = asyncio.create_task(service.attempt(talk, 20))
    await going_on.wait()
    with pytest.raises(TimeoutError):
        await service.attempt(hang, 0.01)
    hung.set_result(None)
    assert await talking == b"second"
    await service.attempt(talk, 20)
    assert proxy.connections == 2
    await service.close()
