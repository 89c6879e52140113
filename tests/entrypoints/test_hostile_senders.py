"""Senders that keep to no rule of HTTP, while good events are answered all the time."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.entrypoints.alone import Alone, deployed
from tests.entrypoints.senders import (
    answer_to,
    connected,
    good_events,
    good_push,
    peak_memory,
    post,
    statuses,
)
from tests.entrypoints.servers import Servers, until
from tools.local.parts import PROJECT

MEMORY = 300 * 2**20
"""Bytes; as in tests/entrypoints/test_big_bodies.py."""
CLOSE = b"Connection: close"
IN_CHUNKS = b"POST / HTTP/1.1\r\nHost: f\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
BUDGET = 32 * 2**20


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.fixture(scope="module")
def parse(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    """One of its own on the chain's Pub/Sub; at the end it has its first worker, in an instance's memory."""
    folder = tmp_path_factory.mktemp("parse")
    with deployed("parse", folder, PROJECT_ID=PROJECT, PUBSUB_EMULATOR_HOST=servers.chain.pubsub) as alone:
        before = alone.workers
        yield alone
        assert alone.workers == before
        assert peak_memory(before[0]) < MEMORY


MALFORMED = {
    "a chunk's size in letters": IN_CHUNKS + b"zz\r\n",
    "a negative chunk": IN_CHUNKS + b"-5\r\nabcde\r\n0\r\n\r\n",
    "a chunk beyond 64 bits": IN_CHUNKS + b"f" * 20 + b"\r\nabc",
    "a chunk that goes on": IN_CHUNKS + b"5\r\nabcdeXX0\r\n\r\n",
    "2 MB of a chunk's extension": IN_CHUNKS + b"5;" + b"x" * 2_000_000 + b"\r\nabcde\r\n0\r\n\r\n",
    "a length and chunks": IN_CHUNKS.replace(b"Host", b"Content-Length: 3\r\nHost") + chunk(good_push()),
    "chunks that are not the last coding": IN_CHUNKS.replace(b"chunked", b"chunked, identity"),
    "two lengths": post(good_push(), b"Content-Length: 5"),
    "a negative length": post(good_push(), length=-1),
    "a length in words": post(good_push()).replace(b"Length: ", b"Length: x"),
    "a length too short": post(good_push(), CLOSE, length=10),
    "a NUL in a header": post(good_push(), b"X: a\0b"),
    "a header without a colon": post(good_push(), b"nonsense"),
    "a header with a space in its name": post(good_push(), b"X : y"),
    "lines without CR": post(good_push()).replace(b"\r\n", b"\n"),
    "HTTP 3.7": post(good_push(), version=b"3.7"),
    "HTTP/2 unasked": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "noise": bytes(range(256)),
    "a method of its own": post(good_push()).replace(b"POST", b"FOO"),
    "a tunnel": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "a trace": b"TRACE / HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n",
    "a path of 1 MB": post(good_push()).replace(b"POST /", b"POST /" + b"a" * 1_000_000),
    "99 GB announced": post(good_push(), CLOSE, length=99_000_000_000),
    "30 MB": post(b"x" * 30_000_000, CLOSE),
    "30 MB in chunks": IN_CHUNKS + chunk(b"x" * 65_536) * 458 + chunk(b""),
    "30 MB of JSON": post(b'{"message":"%s"}' % (b"x" * 30_000_000), CLOSE),
}
WHOLE = {
    "in chunks of one byte": IN_CHUNKS + b"".join(chunk(bytes([byte])) for byte in good_push()) + chunk(b""),
    "with a trailer": IN_CHUNKS + chunk(good_push()) + b"0\r\nX: y\r\n\r\n",
    "HTTP/1.0": post(good_push(), version=b"1.0"),
    "to a proxy": post(good_push(), CLOSE).replace(b"POST /", b"POST http://elsewhere/"),
    "a header of 1 MB": post(good_push(), CLOSE, b"X: " + b"a" * 1_000_000),
    "5,000 headers": post(good_push(), CLOSE, *[b"X-%d: y" % number for number in range(5_000)]),
}


def test_what_is_malformed_or_too_large_is_refused_beside_good_events(parse: Alone) -> None:
    with good_events(parse):
        answers = {name: statuses(answer_to(parse, request)) for name, request in MALFORMED.items()}
    assert {name: seen for name, seen in answers.items() if seen not in ([400], [405], [429])} == {}


def test_what_is_odd_but_whole_is_taken(parse: Alone) -> None:
    with good_events(parse):
        answers = {name: statuses(answer_to(parse, request)) for name, request in WHOLE.items()}
    assert {name: seen for name, seen in answers.items() if seen != [204]} == {}


def test_requests_in_one_go_are_answered_in_their_order(parse: Alone) -> None:
    requests = [post(good_push()), post(b"{}"), post(good_push()), post(good_push(), CLOSE)]
    with good_events(parse):
        assert statuses(answer_to(parse, b"".join(requests))) == [204, 400, 204, 204]


def test_a_thousand_idle_connections_and_hundreds_that_do_not_finish_harm_nobody(parse: Alone) -> None:
    """The unfinished send a byte at a time, or stop in their headers, in a chunk, in a body; then leave."""
    whole = post(good_push())
    halves = (whole[:40], whole[:-30], IN_CHUNKS, IN_CHUNKS + b"7fffffff", IN_CHUNKS + b"5\r\nab")
    with ExitStack() as stack, good_events(parse) as beside:
        for _ in range(1_000):
            stack.enter_context(connected(parse))
        unfinished = [stack.enter_context(connected(parse)) for _ in range(300)]
        for number, connection in enumerate(unfinished):
            connection.sendall(halves[number % len(halves)])
        for byte in whole[-30:-10]:
            for connection in unfinished[1 :: len(halves)]:
                connection.sendall(bytes([byte]))
        seen = beside.answers.total()
        until(lambda: beside.answers.total() > seen + 20, "20 more good events to be answered")
        stack.pop_all().close()


@pytest.mark.hostile
def test_two_senders_that_announce_all_of_the_budget_and_dawdle_have_it_for_ten_seconds(parse: Alone) -> None:
    """Pub/Sub sends again what is answered 429 meanwhile."""

    def status() -> int:
        return statuses(answer_to(parse, post(good_push(), CLOSE)))[0]

    with ExitStack() as stack:
        for _ in range(2):
            hog: socket.socket = stack.enter_context(connected(parse))
            hog.sendall(post(b"x", length=BUDGET // 2))
        until(lambda: status() == 429, "the budget to be taken")
        began = time.monotonic()
        until(lambda: status() == 204, "the budget to be given back")
        assert time.monotonic() - began < 20
    with good_events(parse):
        pass
