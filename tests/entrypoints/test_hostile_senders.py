"""Senders that keep to no rule of HTTP, while good events are answered all the time."""

import socket
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from shared.dead_letters.record import RECORD_ATTRIBUTE, RECORD_KIND
from shared.topology import FUNCTIONS, PUSHED
from tests.entrypoints.deliveries import new_id, push
from tests.entrypoints.senders import (
    answer_to,
    connected,
    done,
    good_body,
    good_events,
    post,
    statuses,
)
from tests.entrypoints.server import Server, peak_memory
from tests.entrypoints.servers import Servers
from tests.support.polling import until

MEMORY = 300 * 2**20
"""Bytes; as in tests/entrypoints/test_big_bodies.py. `aggregate` has 1 GiB, but not for its requests."""
CLOSE = b"Connection: close"
IN_CHUNKS = b"POST / HTTP/1.1\r\nHost: f\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
BUDGET = 32 * 2**20


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.fixture(scope="module", params=FUNCTIONS)
def function(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Server]:
    """One of the chain's; at the end it has its first worker, in an instance's memory."""
    server = servers.server(request.param)
    before = server.workers
    yield server
    assert server.workers == before
    assert peak_memory(before[0]) < MEMORY


def no_http(good: bytes) -> Mapping[str, bytes]:
    """What no function gets to see, around a good body."""
    return {
        "a chunk's size in letters": IN_CHUNKS + b"zz\r\n",
        "a negative chunk": IN_CHUNKS + b"-5\r\nabcde\r\n0\r\n\r\n",
        "a chunk beyond 64 bits": IN_CHUNKS + b"f" * 20 + b"\r\nabc",
        "a chunk that goes on": IN_CHUNKS + b"5\r\nabcdeXX0\r\n\r\n",
        "a length and chunks": IN_CHUNKS.replace(b"Host", b"Content-Length: 3\r\nHost") + chunk(good),
        "chunks that are not the last coding": IN_CHUNKS.replace(b"chunked", b"chunked, identity"),
        "two lengths": post(good, b"Content-Length: 5"),
        "a negative length": post(good, length=-1),
        "a length in words": post(good).replace(b"Length: ", b"Length: x"),
        "a NUL in a header": post(good, b"X: a\0b"),
        "a header without a colon": post(good, b"nonsense"),
        "a header with a space in its name": post(good, b"X : y"),
        "lines without CR": post(good).replace(b"\r\n", b"\n"),
        "HTTP 3.7": post(good, version=b"3.7"),
        "HTTP/2 unasked": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        "noise": bytes(range(256)),
        "a method of its own": post(good).replace(b"POST", b"FOO"),
        "a tunnel": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "a path of 1 MB": post(good).replace(b"POST /", b"POST /" + b"a" * 1_000_000),
    }


def no_json(good: bytes) -> Mapping[str, bytes]:
    """Whole requests whose bodies are nothing."""
    return {
        "a length too short": post(good, CLOSE, length=8),
        "2 MB of a chunk's extension": IN_CHUNKS + b"5;" + b"x" * 2_000_000 + b"\r\nabcde\r\n0\r\n\r\n",
    }


def lists(megabytes: int) -> bytes:
    """JSON's worst: 20 times its bytes as Python, 200 times as pydantic's."""
    return b'{"a":[' + b"[]," * (megabytes * 10**6 // 3 - 3) + b"[]]}"


def huge() -> Mapping[str, bytes]:
    return {
        "30 MB": post(b"x" * 30_000_000, CLOSE),
        "30 MB in chunks": IN_CHUNKS + chunk(b"x" * 65_536) * 458 + chunk(b""),
        "30 MB of JSON": post(b'{"message":"%s"}' % (b"x" * 30_000_000), CLOSE),
        "30 MB of empty lists": post(b"[" + b"[]," * 9_999_999 + b"[]]", CLOSE),
        "15 MB of them in base64": post(
            b'{"specversion":"","data_base64":"%s"}' % b64encode(lists(15)), CLOSE
        ),
    }


def odd(good: bytes) -> Mapping[str, bytes]:
    """As HTTP allows."""
    return {
        "in chunks of one byte": IN_CHUNKS + b"".join(chunk(bytes([byte])) for byte in good) + chunk(b""),
        "with a trailer": IN_CHUNKS + chunk(good) + b"0\r\nX: y\r\n\r\n",
        "HTTP/1.0": post(good, version=b"1.0"),
        "to a proxy": post(good, CLOSE).replace(b"POST /", b"POST http://elsewhere/"),
        "a header of 1 MB": post(good, CLOSE, b"X: " + b"a" * 1_000_000),
        "5,000 headers": post(good, CLOSE, *[b"X-%d: y" % number for number in range(5_000)]),
    }


def others(function: Server, requests: Mapping[str, bytes], status: int) -> dict[str, list[int]]:
    """The statuses of requests that are not answered with this one, beside good events."""
    with good_events(function):
        answers = {name: statuses(answer_to(function, request)) for name, request in requests.items()}
    return {name: seen for name, seen in answers.items() if seen != [status]}


def test_what_is_not_http_is_refused(function: Server) -> None:
    assert others(function, no_http(good_body(function.name)), 400) == {}
    trace = {"a trace": b"TRACE / HTTP/1.1\r\nHost: f\r\nConnection: close\r\n\r\n"}
    assert others(function, trace, 405) == {}


def test_what_is_odd_but_whole_is_taken(function: Server) -> None:
    assert others(function, odd(good_body(function.name)), done(function.name)) == {}


def test_what_is_not_json_is_no_delivery_and_a_flush_as_any(function: Server) -> None:
    status = 200 if function.name == "aggregate" else 400
    assert others(function, no_json(good_body(function.name)), status) == {}


@pytest.mark.parametrize("function", PUSHED, indirect=True)
def test_a_body_that_is_too_large_is_refused(function: Server) -> None:
    """Before it is read, where it says so. 30 MB fit an instance that is pushed to, but are no delivery."""
    assert others(function, huge(), 400) == {}
    announced = {"99 GB announced": post(b"x", CLOSE, length=99_000_000_000)}
    assert others(function, announced, 429) == {}


@pytest.mark.parametrize("function", ["aggregate"], indirect=True)
def test_a_flush_waits_for_no_body_and_reads_none(function: Server) -> None:
    halves = (post(b"{", length=11), post(b"x", length=99_000_000_000), IN_CHUNKS, IN_CHUNKS + b"5\r\nab")
    unread = dict(zip(("short", "99 GB announced", "no chunk", "half a chunk"), halves, strict=True))
    assert others(function, unread, 200) == {}
    with good_events(function):
        for request in huge().values():  # it is answered and hung up on; the answer may be lost on its way
            assert statuses(answer_to(function, request)) in ([200], [])


@pytest.mark.parametrize("function", PUSHED, indirect=True)
def test_a_message_that_is_much_larger_in_memory_is_a_dead_letter(function: Server) -> None:
    """As large as Pub/Sub's largest, and marked as a dead-letter record, as a producer may mark its own."""
    message = push(lists(10), new_id("lists"), {RECORD_ATTRIBUTE: RECORD_KIND})
    assert others(function, {"empty lists": post(message, CLOSE)}, 204) == {}


def test_requests_in_one_go_are_answered_in_their_order(function: Server) -> None:
    good = [post(good_body(function.name), *headers) for headers in ((), (), (CLOSE,))]
    requests = [good[0], post(b"{}", query=b"?shard=-1"), *good[1:]]
    status = done(function.name)
    with good_events(function):
        assert statuses(answer_to(function, b"".join(requests))) == [status, 400, status, status]


def test_a_thousand_idle_connections_and_hundreds_that_do_not_finish_harm_nobody(function: Server) -> None:
    """The unfinished send a byte at a time, or stop in their headers, in a chunk, in a body; then leave."""
    whole = post(good_body(function.name))
    halves = (whole[:40], whole[:-8], IN_CHUNKS, IN_CHUNKS + b"7fffffff", IN_CHUNKS + b"5\r\nab")
    with ExitStack() as stack, good_events(function) as beside:
        for _ in range(1_000):
            stack.enter_context(connected(function))
        unfinished = [stack.enter_context(connected(function)) for _ in range(300)]
        for number, connection in enumerate(unfinished):
            connection.sendall(halves[number % len(halves)])
        for byte in whole[-8:-3]:
            for connection in unfinished[1 :: len(halves)]:
                connection.sendall(bytes([byte]))
        beside.until_more(21)
        stack.pop_all().close()


@pytest.mark.hostile
@pytest.mark.parametrize("function", PUSHED, indirect=True)
def test_two_senders_that_announce_all_of_the_budget_and_dawdle_have_it_for_ten_seconds(
    function: Server,
) -> None:
    """Pub/Sub sends again what is answered 429 meanwhile."""

    def status() -> int:
        return statuses(answer_to(function, post(good_body(function.name), CLOSE)))[0]

    with ExitStack() as stack:
        for _ in range(2):
            hog: socket.socket = stack.enter_context(connected(function))
            hog.sendall(post(b"x", length=BUDGET // 2))
        until(status, "the budget to be taken", lambda status: status == 429)
        began = time.monotonic()
        until(status, "the budget to be given back", lambda status: status == 204)
        assert time.monotonic() - began < 20
    with good_events(function):
        pass
