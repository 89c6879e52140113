"""Senders on bare sockets, which keep to no rule, and good events that are sent all the while."""

import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

import orjson

from tests.entrypoints.deliveries import new_id, parsed, push, raw
from tests.entrypoints.server import Server
from tests.support.polling import until
from tools.local.ports import HOST

PATIENCE = 20.0
"""Seconds until an answer; a good event's on a busy machine while megabytes of others are read."""


@contextmanager
def connected(function: Server) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, function.port), timeout=PATIENCE) as connection:
        yield connection


def answer_to(function: Server, request: bytes) -> bytes:
    """All that is answered until the server closes or is silent for half a second; b"" for nothing."""
    with connected(function) as connection:
        with suppress(OSError):  # it may close while we still send
            connection.sendall(request)
        return _heard(connection)


def _heard(connection: socket.socket) -> bytes:
    heard = b""
    with suppress(OSError):
        while chunk := connection.recv(2**16):
            heard += chunk
            connection.settimeout(0.5)
    return heard


def statuses(answer: bytes) -> list[int]:
    """Of each answer in these bytes."""
    lines = [part.split(b" ", 2) for part in answer.split(b"HTTP/1.1 ")[1:]]
    return [int(line[0][:3]) for line in lines]


def good_body(function: str) -> bytes:
    """Of a request that the function takes: an event. `aggregate` reads none, and hangs up if one is late."""
    if function == "aggregate":
        return b""
    event = (raw if function == "parse" else parsed)(event_id := new_id("beside"))
    return push(orjson.dumps(event), event_id)


def done(function: str) -> int:
    """The status with which the function answers a good body: `aggregate` has a summary to show."""
    return 200 if function == "aggregate" else 204


def post(
    body: bytes, *headers: bytes, version: bytes = b"1.1", length: int | None = None, query: bytes = b""
) -> bytes:
    """A request as it should be; `length` may say something else than the body."""
    size = len(body) if length is None else length
    head = (b"POST /" + query + b" HTTP/" + version, b"Host: f", b"Content-Length: %d" % size, *headers)
    return b"\r\n".join(head) + b"\r\n\r\n" + body


@dataclass
class Beside:
    """What became of the good events that were sent beside the others."""

    answers: Counter[int | str] = field(default_factory=Counter)
    slowest: float = 0.0
    """Seconds."""

    def until_more(self, count: int) -> None:
        seen = self.answers.total()
        until(self.answers.total, f"{count} more good events", lambda total: total >= seen + count)


@contextmanager
def good_events(function: Server) -> Iterator[Beside]:
    """Sends good bodies, one after another, while it lasts; all of them are done."""
    beside, stop = Beside(), threading.Event()

    def send() -> None:
        connection = HTTPConnection(HOST, function.port, timeout=PATIENCE)
        for _ in itertools.takewhile(lambda _: not stop.is_set(), itertools.count()):
            began = time.monotonic()
            try:
                connection.request("POST", "/", good_body(function.name))
                with connection.getresponse() as response:
                    response.read()
                    beside.answers[response.status] += 1
            except (OSError, HTTPException) as error:
                beside.answers[type(error).__name__] += 1
                connection.close()
            beside.slowest = max(beside.slowest, time.monotonic() - began)
        connection.close()

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield beside
        beside.until_more(3)  # it answers afterwards too
    finally:
        stop.set()
        sender.join()
    assert beside.answers.keys() == {done(function.name)}, beside.answers
