"""TableAppender when its connection freezes half-open: it takes every byte and answers nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.errors import Retry
from shared.gcp.bigquery import TableAppender
from tests.support.freezing_proxy import FreezingProxy, freezing_proxy
from tests.warehouse.conftest import WriteServer
from tests.warehouse.test_table_appender import LETTERS, letters_in, rows_of


@pytest.fixture
async def proxy(write_server: WriteServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FreezingProxy]:
    """On the way to the server."""
    async with freezing_proxy(write_server.endpoint) as (proxy, address):
        monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", address)
        yield proxy


@pytest.fixture
async def appender(proxy: FreezingProxy) -> AsyncIterator[TableAppender]:
    assert proxy.connections == 0
    appender = TableAppender("p", "d", LETTERS, deadline=5.0, try_seconds=0.1)
    yield appender
    await appender.close()


async def test_the_append_that_meets_a_frozen_connection_succeeds_over_a_new_one(
    appender: TableAppender, proxy: FreezingProxy, write_server: WriteServer
) -> None:
    await appender.append(rows_of("a"))
    proxy.freeze()
    for _ in range(40):
        assert await appender.append(rows_of("b")) == [None]
    assert letters_in(write_server.rows) == "a" + 40 * "b"
    assert proxy.connections == 2


async def test_appends_that_wait_behind_a_frozen_connection_succeed_too(
    appender: TableAppender, proxy: FreezingProxy
) -> None:
    await appender.append(rows_of("a"))
    proxy.freeze()
    assert await asyncio.gather(*(appender.append(rows_of("b")) for _ in range(40))) == [[None]] * 40


async def test_a_slow_answer_is_waited_for_on_the_second_try(
    appender: TableAppender, write_server: WriteServer
) -> None:
    """BigQuery slower than a try's limit must not double the rows of every append for ever."""
    write_server.delay = 0.3
    assert await appender.append(rows_of("a")) == [None]
    assert write_server.connections == 2


async def test_where_every_connection_freezes_an_append_is_a_retry_within_its_deadline(
    proxy: FreezingProxy,
) -> None:
    proxy.freezes_new = True
    appender = TableAppender("p", "d", LETTERS, deadline=0.3, try_seconds=0.1)
    with pytest.raises(Retry, match=r"did not confirm rows for p\.d\.letters within 0\.3 s"):
        await appender.append(rows_of("a"))
    proxy.freezes_new = False
    assert await appender.append(rows_of("a")) == [None]
    assert proxy.connections == 3
    await appender.close()


async def test_an_append_waits_for_the_one_before_it_within_its_own_deadline(proxy: FreezingProxy) -> None:
    """Of two batches in flight the second has not more time than the first, and is told in time."""
    proxy.freezes_new = True
    appender = TableAppender("p", "d", LETTERS, deadline=0.5, try_seconds=0.1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    outcomes = await asyncio.gather(
        appender.append(rows_of("a")), appender.append(rows_of("b")), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Retry, Retry]
    assert loop.time() - began < 2 * 0.5  # one after the other they would take both deadlines
    proxy.freezes_new = False
    assert await asyncio.gather(*(appender.append(rows_of(row)) for row in "ab")) == [[None]] * 2
    await appender.close()
