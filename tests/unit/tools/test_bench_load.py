"""The load that the benchmark makes, and the bytes that it counts: against a server of a few lines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from functions.deadletter.recording import REMEMBERED
from shared.tables.columns import Column, Row, Table
from shared.tables.rows import encode
from tools.bench.load import LoadFailed, as_requests, run_load, run_paced
from tools.bench.stored import mean_bytes
from tools.bench.subjects import DEAD_LETTERS, dead_letters

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


class Server:
    """Answers each request; closes a connection that is idle, as the real one does, but at once."""

    def __init__(self, answer: bytes = ANSWER, idle: float = 60.0) -> None:
        self.asked: list[bytes] = []
        self.most = 0
        self._answer = answer
        self._idle = idle
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(self._idle):
                    head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
                self.asked.append(await reader.readexactly(length))
                self._open += 1
                self.most = max(self.most, self._open)
                await asyncio.sleep(0.001)  # the others arrive meanwhile
                self._open -= 1
                writer.write(self._answer)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[int]:
        async with await asyncio.start_server(self.serve, "127.0.0.1", 0) as server:
            yield server.sockets[0].getsockname()[1]


def bodies(number: int) -> list[bytes]:
    return [b"%d" % each for each in range(number)]


async def test_each_load_goes_on_in_the_requests_where_the_one_before_it_ended() -> None:
    server, requests = Server(), iter(as_requests(bodies(30)))
    async with server.listen() as port:
        await run_load(port, requests, 20, 4)
        await run_load(port, requests, 10, 4)
    assert sorted(server.asked, key=int) == bodies(30)
    assert server.most == 4


async def test_a_paced_load_sends_every_request_and_takes_as_long_as_its_rate_says() -> None:
    server = Server()
    async with server.listen() as port:
        load = await run_paced(port, iter(as_requests(bodies(100))), 100, rate=1_000, concurrency=20)
    assert sorted(server.asked, key=int) == bodies(100)
    assert load.seconds > 0.05
    assert len(load.latencies) == 100


async def test_requests_that_find_no_free_connection_wait_for_one() -> None:
    server = Server()
    async with server.listen() as port:
        await run_paced(port, iter(as_requests(bodies(100))), 100, rate=1e9, concurrency=3)
    assert len(server.asked) == 100
    assert server.most == 3


async def test_idle_connections_that_the_server_closes_do_not_end_a_paced_load() -> None:
    server = Server(idle=0.5)
    async with server.listen() as port:
        await run_paced(port, iter(as_requests(bodies(100))), 100, rate=100, concurrency=20)
    assert len(server.asked) == 100


@pytest.mark.parametrize("answer", [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b""])
async def test_any_other_answer_fails_the_load(answer: bytes) -> None:
    server = Server(answer, idle=0.05)
    async with server.listen() as port:
        with pytest.raises(LoadFailed):
            await run_load(port, iter(as_requests(bodies(1))), 1, 1)


def test_deadletter_gets_both_forms_in_turn_and_forgets_a_message_before_it_comes_again() -> None:
    requests = as_requests(dead_letters(NOW, replace(DEAD_LETTERS, lines=100)))
    ids = {orjson.loads(request.split(b"\r\n\r\n", 1)[1])["message"]["messageId"] for request in requests}
    assert len(ids) == 100
    assert DEAD_LETTERS.lines > REMEMBERED
    ours = [b"cqc-record" in request for request in requests]
    forwarded = [b"CloudPubSubDeadLetterSourceSubscription" in request for request in requests]
    assert ours == [not each for each in forwarded] == [not number % 2 for number in range(len(requests))]


def test_bytes_are_counted_as_bigquery_counts_them() -> None:
    columns = [
        Column("name", "STRING", "A text."),
        Column("at", "TIMESTAMP", "A time."),
        Column("is_it", "BOOL", "A flag."),
        Column("number", "INT64", "A number."),
        Column("score", "FLOAT64", "A number."),
        Column("tags", "STRING", "Texts.", mode="REPEATED"),
        Column("raw", "BYTES", "Bytes."),
        Column("extra", "JSON", "Anything."),
    ]
    table = Table("measured", "A table.", tuple(columns), "at", ())
    full: Row = {
        **{"name": "Zoë", "at": NOW, "is_it": False, "number": 1, "score": 0.5},
        **{"tags": ["a", "bc"], "raw": b"\x00\x01", "extra": "{}"},
    }
    assert mean_bytes(table, [encode(table, full)]) == (2 + 4) + 8 + 1 + 8 + 8 + (2 + 1 + 2 + 2) + (2 + 2) + 2
    assert mean_bytes(table, [encode(table, {"name": "abcd"}), encode(table, {})]) == 3
