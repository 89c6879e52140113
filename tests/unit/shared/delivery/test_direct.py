"""POSTs in front of the framework's own application: what it answers stays the same."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from functions_framework.aio import create_asgi_app
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import Message, Receive, Scope

from shared.delivery.direct import DirectPosts, answer_posts_directly

SOURCE = """
import functions_framework.aio
from starlette.responses import Response

@functions_framework.aio.http
async def function(request):
    body = await request.body()
    if body == b"bug":
        raise ZeroDivisionError("a bug")
    return Response(b"framework: " + body, status_code=503, media_type="text/plain")
"""


@dataclass(frozen=True)
class Answer:
    """What a server would send."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


async def direct(_: Scope, receive: Receive) -> Response:
    """The function without the framework."""
    body = (await receive())["body"]
    if body == b"bug":
        raise ZeroDivisionError("a bug")
    return Response(b"direct: " + body, status_code=503, media_type="text/plain")


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Starlette]:
    """As functions-framework makes it."""
    source = tmp_path / "main.py"
    source.write_text(SOURCE)
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    made: Starlette = create_asgi_app("function", str(source))  # type: ignore[no-untyped-call]
    yield made
    root.setLevel(before[0])
    root.handlers[:] = before[1]


async def ask(application: Starlette, method: str, path: str = "/", body: bytes = b"") -> Answer:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    await application(scope, receive, send)
    start, *rest = sent
    headers = sorted((bytes(name), bytes(value)) for name, value in start["headers"])
    return Answer(start["status"], headers, b"".join(part.get("body", b"") for part in rest))


@pytest.mark.parametrize("path", ["/", "/any/path", "/robots.txt"])
async def test_a_post_on_any_path_is_answered_directly(application: Starlette, path: str) -> None:
    framework = await ask(application, "POST", path, b"data")
    answer_posts_directly(application, direct)
    own = await ask(application, "POST", path, b"data")
    assert (framework.body, own.body) == (b"framework: data", b"direct: data")
    assert (own.status, {name for name, _ in own.headers}) == (
        framework.status,
        {name for name, _ in framework.headers},
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 503),
        ("HEAD", "/", 503),
        ("PUT", "/", 503),
        ("GET", "/robots.txt", 404),
        ("GET", "/favicon.ico", 404),
        ("PATCH", "/any/path", 503),
        ("TRACE", "/", 405),
    ],
)
async def test_everything_else_is_answered_by_the_framework_as_before(
    application: Starlette, method: str, path: str, status: int
) -> None:
    before = await ask(application, method, path, b"data")
    answer_posts_directly(application, direct)
    assert await ask(application, method, path, b"data") == before
    assert before.status == status


async def test_a_bug_is_the_frameworks_500_and_its_traceback_is_logged(
    application: Starlette, caplog: pytest.LogCaptureFixture
) -> None:
    before = await ask(application, "POST", body=b"bug")
    answer_posts_directly(application, direct)
    assert await ask(application, "POST", body=b"bug") == before
    assert (before.status, before.body) == (500, b"Internal Server Error")
    assert [record.message.splitlines()[0] for record in caplog.records] == ["Exception on / [POST]"] * 2
    assert all("ZeroDivisionError: a bug" in record.message for record in caplog.records)


async def test_a_servers_start_and_end_reach_the_framework(application: Starlette) -> None:
    answer_posts_directly(application, direct)
    asked: Iterator[Message] = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(asked)

    async def send(message: Message) -> None:
        sent.append(message)

    await application({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_it_is_put_there_once(application: Starlette) -> None:
    answer_posts_directly(application, direct)
    first = application.middleware_stack
    answer_posts_directly(application, direct)
    assert isinstance(first, DirectPosts)
    assert application.middleware_stack is first


async def test_without_an_application_there_is_nothing_to_do() -> None:
    answer_posts_directly(None, direct)
