"""The law of hostile input, and what an input costs.

- A function answers with its work or with a verdict: BadRequest or Reject. Any other error is a bug.
- At most CPU_SECONDS of a core for a body of up to SMALL bytes, in proportion for a larger one.
- At most MEMORY bytes, and MEMORY_FACTOR times the body, beside it.
- What it made is decoded again as it was.
"""

import gc
import time
import traceback
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

import orjson

from shared.errors import BadRequest, Reject
from tests.hostile.doors import DOORS, Door, Result
from tests.hostile.inputs import Input
from tests.hostile.round_trips import MESSAGE_CHARACTERS, check, outcome_of

CPU_SECONDS = 0.005
SMALL = 16 * 1024
"""Bytes of a body. An event has about 0.5 KB, MAX_EVENT_BYTES is 256 KiB."""
STEPS = 100_000
"""Of a plain loop, what takes a core CPU_SECONDS when it has nothing else to do."""
DECODINGS = 4
"""An event is decoded by `parse` and by `features`; all that is done beside it takes no longer."""
TRIES = 5
MEMORY = 512 * 1024
MEMORY_FACTOR = 240
"""The worst that lists of a hundred lengths up to MAX_EVENT_BYTES showed is 219, for 58,000 one-digit
numbers: orjson reserves up to 270 bytes of output for each, and the event is written twice. Of empty objects
it is 178."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an input: `broken` says how it broke the law, or is empty."""

    outcome: str
    broken: str
    seconds: float
    """By the clock; where that says too many, what a core with nothing else to do would take."""
    memory: int = 0
    """Bytes at the most, 0 where it was not measured."""


def judge(given: Input, measure_memory: bool = False) -> Verdict:
    """Runs the input through its door, once if it is not slow."""
    door, body = DOORS[given.door], given.body
    began = time.perf_counter()
    result, error = _run(door, body)
    seconds = time.perf_counter() - began
    if seconds > allowed_seconds(len(body)):
        seconds = _undisturbed_seconds(door, given)
    memory = _memory(door, body) if measure_memory else 0
    broken = _breach(result, error) or _cost(len(body), seconds, memory)
    return Verdict(outcome_of(result) if result else type(error).__name__, broken, seconds, memory)


def allowed_seconds(size: int) -> float:
    """CPU for a body of so many bytes."""
    return CPU_SECONDS * max(1.0, size / SMALL)


def _run(door: Door, body: bytes) -> tuple[Result | None, Exception | None]:
    """What came of it, or what it raised."""
    try:
        return door(body), None
    except Exception as raised:  # noqa: BLE001 - which ones may be raised is what is judged
        return None, raised


def _undisturbed_seconds(door: Door, given: Input) -> float:
    """How long the input would take a core that has nothing else to do.

    On a busy machine everything is slow, and some count the time in which a thread waits for a core as its
    CPU time. So an input that is slow three times over is measured against what may take that long, in turns:
    a loop, or the decoding of what the input carries, which is slower than the loop where memory is. The
    middle of the quotients counts. The garbage collector has nothing of the tests to look through, as a
    function's has little (shared/gc_tuning.py).
    """
    body = given.body
    allowed = allowed_seconds(len(body))
    gc.freeze()
    try:
        for _ in range(2):
            if (again := _clocked(lambda: _run(door, body))) <= allowed:
                return again
        return allowed * median(
            _clocked(lambda: _run(door, body))
            / max(_clocked(lambda: _loop(allowed)), DECODINGS * _clocked(lambda: _decoded(given.data)))
            for _ in range(TRIES)
        )
    finally:
        gc.unfreeze()


def _clocked(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _loop(seconds: float) -> int:
    """Takes so long where nothing disturbs it."""
    total = 0
    for step in range(int(STEPS * seconds / CPU_SECONDS)):
        total += step
    return total


def _decoded(data: bytes) -> None:
    with suppress(orjson.JSONDecodeError):
        orjson.loads(data)


def _memory(door: Door, body: bytes) -> int:
    """The most that was allocated at once, in bytes."""
    tracemalloc.start()
    try:
        _run(door, body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _breach(result: Result | None, error: Exception | None) -> str:
    if result is None:
        return _wrong_error(error)
    try:
        check(result)
    except Exception as wrong:  # noqa: BLE001 - whatever decoding raises is a breach
        return f"round trip, {_place(wrong)}: {type(wrong).__name__}: {str(wrong)[:300]}"
    return ""


def _wrong_error(error: Exception | None) -> str:
    if isinstance(error, BadRequest | Reject):
        too_long = len(str(error)) > MESSAGE_CHARACTERS
        return "its error's text is too long to read" if too_long else ""
    assert error is not None
    return f"{_place(error)}: {type(error).__name__}: {str(error)[:300]}"


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename.rpartition('/')[2]}:{last.lineno}"


def _cost(size: int, seconds: float, memory: int) -> str:
    if seconds > allowed_seconds(size):
        return f"cost: {seconds * 1000:.1f} ms for {size} bytes"
    if memory > MEMORY + MEMORY_FACTOR * size:
        return f"cost: {memory} bytes of memory for {size} bytes"
    return ""
