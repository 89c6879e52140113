"""Many large messages at once are answered 429 and leave the instance its memory."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.entrypoints.alone import deployed
from tests.entrypoints.deliveries import push
from tests.entrypoints.server import Server, peak_memory
from tools.local.ports import HOST

AT_ONCE = 30
BODY = push(b"x" * 9_500_000, "message")
"""About Pub/Sub's largest; rejected, so its dead letter is made beside it."""
MEMORY = 300 * 2**20
"""Bytes. With the budget 175 MiB; without it thirty such bodies took 1.3 GiB."""


@pytest.fixture
def parse(tmp_path: Path) -> Iterator[Server]:
    """With a Pub/Sub that does not answer: a dead letter is held until its publish gives up, after 10 s."""
    with deployed("parse", tmp_path, PUBSUB_EMULATOR_HOST=f"{HOST}:9") as alone:
        yield alone


def in_chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 2**16):
        yield body[start : start + 2**16]


def send(function: Server, chunked: bool) -> int:
    connection = HTTPConnection(HOST, function.port, timeout=40)
    try:
        connection.request("POST", "/", in_chunks(BODY) if chunked else BODY, encode_chunked=chunked)
        return connection.getresponse().status
    finally:
        connection.close()


def test_large_messages_at_once_are_429_within_the_memory_of_an_instance(parse: Server) -> None:
    """Every other one in chunks, which announce no length."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = Counter(pool.map(lambda number: send(parse, chunked=number % 2 == 1), range(AT_ONCE)))
    (worker,) = parse.workers
    assert statuses.keys() == {429, 503}
    assert peak_memory(worker) < MEMORY
    assert send(parse, chunked=False) == 503, "what was held is given back: only Pub/Sub is missing"
