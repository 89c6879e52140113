"""A request's body as it reaches an ASGI application, chunk by chunk."""

from collections.abc import Sequence

from starlette.types import Message, Receive, Scope


class Sender:
    """A request with this body; counts the chunks that were asked for."""

    def __init__(self, *chunks: bytes, declared: int | None = None, leaves: bool = False) -> None:
        self._chunks: Sequence[bytes] = chunks
        self._leaves = leaves
        self._declared = declared
        self.received = 0

    async def _receive(self) -> Message:
        if self.received == len(self._chunks):
            return {"type": "http.disconnect"}
        chunk = self._chunks[self.received]
        self.received += 1
        is_last = self.received == len(self._chunks) and not self._leaves
        return {"type": "http.request", "body": chunk, "more_body": not is_last}

    @property
    def request(self) -> tuple[Scope, Receive]:
        headers = [] if self._declared is None else [(b"content-length", str(self._declared).encode())]
        return {"type": "http", "method": "POST", "headers": headers}, self._receive
