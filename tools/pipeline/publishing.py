"""Lines to Pub/Sub: grouped into requests, paced, sent byte for byte."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tools.errors import CommandError, UsageError

STDIN = "-"
MAX_MESSAGES = 1_000
MAX_BYTES = 9_000_000
"""Pub/Sub's limits for a publish request are 1,000 messages and 10 MB, including each message's framing."""
MAX_LINE = 9_000_000
_OVERHEAD = 32
"""Bytes of framing per message, a generous estimate."""
_READ = 1 << 20
_BURSTS_PER_SECOND = 10
"""The most sends per second when there is a rate."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was sent: lines, seconds, the ids of the first and last message, and the empty lines skipped."""

    published: int
    seconds: float
    events_per_second: float
    first_message_id: str | None
    last_message_id: str | None
    empty_lines_skipped: int


def stdin() -> BinaryIO:
    """The bytes of standard input; raises UsageError when there is none."""
    if sys.stdin is None:
        raise UsageError(f"{STDIN} is standard input, which is closed: pipe something into it")
    return sys.stdin.buffer


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """The bytes of a file, or of stdin for `-`; raises UsageError when it can't be read."""
    if file == STDIN:
        yield stdin()
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 - the next block closes it
    except OSError as error:
        hint = "name a file of JSON lines, or - for stdin"
        raise UsageError(f"{file} can't be read ({error.strerror}): {hint}") from None
    with stream:
        yield stream


def read_chunks(stream: BinaryIO) -> Iterator[list[bytes]]:
    """The complete lines at each read, so that no line waits for later input.

    Only the newline is removed; the last line may have none.
    """
    rest = b""
    read = getattr(stream, "read1", stream.read)
    while chunk := read(_READ):
        *lines, rest = (rest + chunk).split(b"\n")
        yield lines
    if rest:
        yield [rest]


def requests(
    chunks: Iterable[list[bytes]], max_messages: int, skipped: Callable[[], None]
) -> Iterator[list[bytes]]:
    """Lists of lines, each within the limits of one publish request; calls `skipped` for an empty line.

    Pub/Sub accepts no empty message, and a blank one, such as the `\\r` of Windows, would be a dead letter.
    Raises CommandError with the line's number when one is too long.
    """
    number = 0
    for chunk in chunks:
        batch: list[bytes] = []
        size = 0
        for line in chunk:
            number += 1
            if not line.strip():
                skipped()
                continue
            if len(line) > MAX_LINE:
                raise CommandError(
                    f"line {number} has {len(line):,} bytes, Pub/Sub accepts at most {MAX_LINE:,}: "
                    "split or remove it"
                )
            if len(batch) == max_messages or size + len(line) + _OVERHEAD > MAX_BYTES:
                yield batch
                batch, size = [], 0
            batch.append(line)
            size += len(line) + _OVERHEAD
        if batch:
            yield batch


def publish(
    stream: BinaryIO,
    send: Callable[[list[bytes]], list[str]],
    rate: float | None,
    progress: Callable[[list[bytes]], None],
) -> Published:
    """Sends every line of `stream`, at most `rate` a second; `progress` receives each request's lines.

    Raises CommandError, which says how many were published before; those of the last request may be as well.
    """
    started = time.monotonic()
    count = empty = 0
    first = last = None

    def skip() -> None:
        nonlocal empty
        empty += 1

    try:
        for lines in requests(read_chunks(stream), burst_size(rate, MAX_MESSAGES), skip):
            if rate:
                time.sleep(max(0.0, started + count / rate - time.monotonic()))
            ids = send(lines)
            first, last = first or ids[0], ids[-1]
            count += len(lines)
            progress(lines)
    except KeyboardInterrupt:
        raise CommandError(f"interrupted: {_before(count)}") from None
    except CommandError as error:
        raise CommandError(f"{error}; {_before(count)}") from None
    seconds = time.monotonic() - started
    return Published(
        count, round(seconds, 3), round(count / seconds, 1) if count else 0.0, first, last, empty
    )


def _before(count: int) -> str:
    return f"{count:,} line{' was' if count == 1 else 's were'} published before"


def burst_size(rate: float | None, most: int) -> int:
    """How many events to send at once, so that a rate is kept evenly; `most` without a rate."""
    return max(1, min(most, round(rate / _BURSTS_PER_SECOND))) if rate else most
