"""The real server, once POSTs go past the framework: what is sent to it is answered as before."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event
from typing import Self

import orjson
import pytest

from tests.entrypoints.alone import deployed
from tests.entrypoints.deliveries import new_id, push, raw
from tests.entrypoints.server import Server
from tests.entrypoints.servers import Servers
from tests.support.polling import until
from tools.local.parts import PROJECT
from tools.local.ports import HOST

SENDERS = 16


@pytest.fixture
def parse(servers: Servers, tmp_path: Path) -> Iterator[Server]:
    """One of its own, on the chain's Pub/Sub, that has had its first request."""
    with deployed("parse", tmp_path, PROJECT_ID=PROJECT, PUBSUB_EMULATOR_HOST=servers.chain.pubsub) as alone:
        with Sender(alone) as sender:
            assert sender.send(new_id("first")) == 204
        yield alone


class Sender:
    """A connection that is kept, as Pub/Sub keeps its own."""

    def __init__(self, function: Server) -> None:
        self._connection = HTTPConnection(HOST, function.port, timeout=40)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, event_id: str) -> int | None:
        """A push's status, None where the connection ends without one."""
        try:
            self.request("POST", "/", push(orjson.dumps(raw(event_id)), event_id))
            return self.answer()[0]
        except (OSError, HTTPException):
            return None

    def request(self, method: str, path: str, body: bytes | Iterator[bytes], chunked: bool = False) -> None:
        self._connection.request(method, path, body, encode_chunked=chunked)

    def answer(self) -> tuple[int, str]:
        with self._connection.getresponse() as response:
            return response.status, response.read().decode()


def test_pushes_and_everything_else_take_turns_on_one_connection(parse: Server) -> None:
    body = push(orjson.dumps(raw(new_id("good"))), new_id("message"))
    with Sender(parse) as sender:
        for _ in range(2):
            sender.request("POST", "/", body)
            assert sender.answer() == (204, "")
            chunks = (body[at : at + 50] for at in range(0, len(body), 50))
            sender.request("POST", "/any/path", chunks, chunked=True)
            assert sender.answer() == (204, "")
            sender.request("POST", "/", b"{}")
            status, text = sender.answer()
            assert (status, "send a Pub/Sub push" in text) == (400, True)
            sender.request("GET", "/", b"")
            assert sender.answer()[0] == 400
            sender.request("GET", "/robots.txt", b"")
            assert sender.answer()[0] == 404
            sender.request("HEAD", "/", b"")
            assert sender.answer() == (400, "")


def test_a_sender_that_leaves_in_the_middle_of_its_body_harms_nobody(parse: Server) -> None:
    connection = HTTPConnection(HOST, parse.port, timeout=40)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"{")
    connection.close()
    with Sender(parse) as sender:
        assert sender.send(new_id("next")) == 204


def test_a_term_under_load_answers_what_is_under_way_and_every_204_is_published(
    parse: Server, servers: Servers
) -> None:
    enough = Event()

    def push_on(number: int) -> list[tuple[str, int]]:
        """Event ids and statuses, until the server no longer answers."""
        answers: list[tuple[str, int]] = []
        with Sender(parse) as sender:
            while (status := sender.send(event_id := new_id(f"term-{number}"))) is not None:
                answers.append((event_id, status))
                if len(answers) == 20:
                    enough.set()
        return answers

    with ThreadPoolExecutor(SENDERS) as pool:
        running = [pool.submit(push_on, number) for number in range(SENDERS)]
        assert enough.wait(60)
        os.kill(parse.master, signal.SIGTERM)
        answers = [answer for sender in running for answer in sender.result(60)]
    until(lambda: not parse.serves(), "the server to end")
    assert {status for _, status in answers} == {204}
    for event_id, _ in answers:
        servers.parsed.find(event_id)
