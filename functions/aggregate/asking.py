"""What a request asks to flush."""

import asyncio

import orjson
from starlette.requests import ClientDisconnect, Request

MAX_BODY = 64 * 1024
"""Bytes; `{"shard": 63}` has 13. 30 MB of empty lists took all of an instance's 1 GiB."""
READ_SECONDS = 10.0
"""An instance is given four requests at once: four senders that dawdle would have it for as long."""


class Refused(Exception):
    """The request asks for nothing that a flush can do."""

    def __init__(self, status: int, reason: str) -> None:
        """`status` is HTTP's, `reason` a sentence for a person."""
        super().__init__(reason)
        self.status = status


async def shard_asked_for(request: Request) -> int | None:
    """The shard that the body names, None for a body that names none, whatever it is.

    Raises Refused: 400 for a shard that is not a number from 0 on and for a sender that leaves, 408 when the
    body is not there in READ_SECONDS, 413 for more than MAX_BODY.
    """
    try:
        async with asyncio.timeout(READ_SECONDS):
            return _shard_in(await _body(request))
    except TimeoutError:
        raise Refused(408, f"the body was not there within {READ_SECONDS:g} s: send it again") from None
    except ClientDisconnect:
        raise Refused(400, "its sender left before the body was whole") from None


async def _body(request: Request) -> bytes:
    """Of one that says its length, nothing is read if that is too much."""
    declared = request.headers.get("content-length", "")
    _check(int(declared) if declared.isdecimal() else 0)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _check(len(body))
    return bytes(body)


def _check(size: int) -> None:
    if size > MAX_BODY:
        raise Refused(413, f'the body has more than {MAX_BODY} bytes: send none, or one like {{"shard": 0}}')


def _shard_in(body: bytes) -> int | None:
    try:
        named = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    shard = named.get("shard") if isinstance(named, dict) else None
    if shard is None or (isinstance(shard, int) and not isinstance(shard, bool) and shard >= 0):
        return shard
    raise Refused(400, '"shard" must be a number from 0 on, like {"shard": 0}')
