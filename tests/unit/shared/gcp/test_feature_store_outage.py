"""FeatureView against a store that is away, frozen, slow or answers in any order: what it costs a batch."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from shared.gcp import channel
from shared.gcp.circuit_breaker import SLOW_TO_OPEN, CircuitBreaker
from shared.gcp.feature_store import IN_FLIGHT, FeatureView
from shared.gcp.feature_store_encoding import MAX_KEYS
from shared.online import OnlineFeatures, Unwritten
from tests.support.clock import Clock
from tests.support.freezing_proxy import FreezingProxy, freezing_proxy
from tests.support.hostile_feature_store import HostileService, Hostility
from tools.standins.feature_store.server import SERVICE
from tools.standins.feature_store.table import FeatureTable
from tools.standins.serving import listening

VIEW = "projects/p/locations/europe-west2/featureOnlineStores/s/featureViews/v"
WHEN = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
PROBE_SECONDS = 5.0


class Outage:
    """A hostile store behind a proxy that freezes, and a view that writes to it."""

    def __init__(
        self, hostility: Hostility, proxy: FreezingProxy, table: FeatureTable, try_seconds: float
    ) -> None:
        self.hostility, self.proxy, self.table = hostility, proxy, table
        self.clock = Clock()
        breaker = CircuitBreaker(self.clock, probe_seconds=PROBE_SECONDS)
        self.view = FeatureView(VIEW, try_seconds, pause=0, breaker=breaker, clock=self.clock)

    async def write(self, count: int = 1) -> Unwritten | None:
        return await self.view.write(entries(count))

    async def probe(self) -> None:
        """Lets a probe become due, a write start it, and the probe end."""
        self.clock.now += PROBE_SECONDS
        await self.write()
        assert self.view._probe is not None
        await self.view._probe


def entries(count: int) -> list[OnlineFeatures]:
    return [
        OnlineFeatures(f"l-{number}", WHEN + timedelta(milliseconds=number), {"page_views": number})
        for number in range(count)
    ]


@pytest.fixture
def try_seconds() -> float:
    """Short where a try is to hang; where none is, a busy machine must not look like a slow store."""
    return 0.3


patiently = pytest.mark.parametrize("try_seconds", [20.0])


@pytest.fixture
async def outage(try_seconds: float, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Outage]:
    hostility, table = Hostility(), FeatureTable()
    async with AsyncExitStack() as stack:
        services = {SERVICE: HostileService(table, hostility).handlers()}
        server = await stack.enter_async_context(listening(services, "127.0.0.1", 0))
        proxy, address = await stack.enter_async_context(freezing_proxy(server.address))
        monkeypatch.setenv("FEATURE_STORE_EMULATOR_HOST", address)
        outage = Outage(hostility, proxy, table, try_seconds)
        stack.push_async_callback(outage.view.close)
        yield outage


@patiently
async def test_many_keys_go_in_requests_of_a_few_hundred_with_several_in_flight(outage: Outage) -> None:
    outage.hostility.barrier = asyncio.Barrier(IN_FLIGHT)
    assert await outage.write(2 * IN_FLIGHT * MAX_KEYS) is None
    assert outage.hostility.requests == 2 * IN_FLIGHT
    assert outage.hostility.most_in_flight == IN_FLIGHT
    assert outage.hostility.streams == 1


@patiently
async def test_answers_in_any_order_and_number_are_matched_by_key(outage: Outage) -> None:
    outage.hostility.delay = 0.02
    outage.hostility.out_of_order = Random(7)
    outage.hostility.keys_a_status = 7
    outage.hostility.refuse = lambda key: (3, "no such feature") if key.endswith("99") else None
    unwritten = await outage.write(4 * MAX_KEYS)
    assert unwritten is not None
    assert unwritten.count == 12
    assert unwritten.since == WHEN + timedelta(milliseconds=99)
    assert unwritten.until == WHEN + timedelta(milliseconds=1199)
    assert unwritten.reason == f"{VIEW} refused the values: no such feature (code 3)"
    assert outage.table.fetch(VIEW, "l-1198")["page_views"].int64_value == 1198


async def test_the_write_that_meets_a_frozen_connection_succeeds_over_a_new_one(outage: Outage) -> None:
    await outage.write()
    outage.proxy.freeze()
    assert await outage.write(10) is None
    assert await outage.write() is None
    assert outage.proxy.connections == 2


@pytest.mark.parametrize("way", ["frozen", "silent", "absent"])
async def test_a_store_that_is_away_costs_a_bounded_number_of_calls_and_then_none(
    outage: Outage, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage.proxy.freezes_new = way == "frozen"
    outage.hostility.is_silent = way == "silent"
    if way == "absent":
        monkeypatch.setenv("FEATURE_STORE_EMULATOR_HOST", "127.0.0.1:1")
    first = await outage.write(100 * MAX_KEYS)
    assert first is not None
    assert (first.count, first.since) == (100 * MAX_KEYS, WHEN)
    requests, connections = outage.hostility.requests, outage.proxy.connections
    assert requests <= 2 * IN_FLIGHT
    for _ in range(1000):
        assert _is_done_at_once(outage.view, entries(3))
    assert (outage.hostility.requests, outage.proxy.connections) == (requests, connections)


def _is_done_at_once(view: FeatureView, some: list[OnlineFeatures]) -> bool:
    """Whether the write ends without waiting for anything."""
    writing = view.write(some)
    try:
        writing.send(None)
    except StopIteration as stop:
        return isinstance(stop.value, Unwritten)
    writing.close()
    return False


async def test_while_it_is_away_one_probe_at_a_time_goes_out_and_no_batch_waits(
    outage: Outage,
) -> None:
    outage.hostility.is_silent = True
    await outage.write()
    requests = outage.hostility.requests
    for _ in range(3):
        outage.clock.now += PROBE_SECONDS
        for _ in range(100):
            unwritten = await outage.write()
            assert unwritten is not None
            assert unwritten.reason.startswith("the online store is unavailable: writing to ")
        assert outage.view._probe is not None
        assert not outage.view._probe.done()
        await outage.view._probe
    assert outage.hostility.requests == requests + 3


async def test_a_store_that_is_back_is_found_by_the_next_probe(outage: Outage) -> None:
    outage.proxy.freezes_new = True
    await outage.write()
    await outage.probe()
    assert await outage.write() is not None
    outage.proxy.freezes_new = False
    assert await outage.write() is not None, "no probe is due yet"
    await outage.probe()
    assert await outage.write() is None


async def test_slow_answers_open_the_breaker_and_a_slow_probe_does_not_close_it(outage: Outage) -> None:
    ticks = iter(range(0, 1_000_000, 2))
    view = FeatureView(VIEW, breaker=CircuitBreaker(outage.clock), clock=lambda: next(ticks))
    for _ in range(SLOW_TO_OPEN):
        assert await view.write(entries(1)) is None, "slow, but written"
    unwritten = await view.write(entries(1))
    assert unwritten is not None
    assert unwritten.reason == "the online store is unavailable: its answers take more than 1 s"
    outage.clock.now += PROBE_SECONDS
    await view.write(entries(1))
    assert view._probe is not None
    await view._probe
    assert await view.write(entries(1)) is not None
    await view.close()


async def test_a_key_that_the_store_never_answers_does_not_cut_off_the_others(outage: Outage) -> None:
    """The breaker is for a store that answers nothing, not for one bad request among good ones."""
    outage.hostility.ignore = lambda key: key == "bad"
    bad = asyncio.create_task(outage.view.write([OnlineFeatures("bad", WHEN, {"page_views": 1})]))
    while not bad.done():
        assert await outage.write(3) is None
    assert bad.result() is not None
    assert await outage.write(3) is None


async def test_each_change_is_logged_once(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="cqc"):
        outage.proxy.freezes_new = True
        for _ in range(10):
            await outage.write(2 * MAX_KEYS)
        outage.proxy.freezes_new = False
        await outage.probe()
        for _ in range(10):
            await outage.write()
    events = [record.__dict__.get("event") for record in caplog.records]
    assert events == ["online_store_unavailable", "online_store_recovered"]


async def test_a_missing_credential_is_a_reason_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEATURE_STORE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent.json")
    channel._credentials.cache_clear()
    view = FeatureView(VIEW, pause=0)
    unwritten = await view.write(entries(2))
    assert unwritten is not None
    assert "/nonexistent.json" in unwritten.reason
    await view.close()


async def test_writes_that_wait_for_a_key_go_on_when_the_one_before_could_not_be_sent(outage: Outage) -> None:
    outage.proxy.freezes_new = True
    async with asyncio.timeout(10):  # far beyond the tries: a write that nobody wakes waits for ever
        unwritten = await asyncio.gather(*(outage.write() for _ in range(3)))
    assert None not in unwritten
