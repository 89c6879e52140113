"""A share of the hostile inputs, and that the law bites. `nox -s hostile` runs many more."""

from collections.abc import Callable

import pytest

from shared.delivery.envelope import decode_request
from shared.errors import ErrorType
from tests.hostile import law
from tests.hostile.doors import Heartbeat, Result
from tests.hostile.inputs import Input, draw
from tests.hostile.law import judge
from tests.hostile.running import run
from tests.hostile.shrinking import explain, smallest

INPUTS = 1_500
TIME = b"2026-03-11T11:59:58Z"
SEED = 7


def test_hostile_inputs_end_in_a_verdict_or_in_what_is_decoded_again() -> None:
    tally = run(SEED, INPUTS)
    assert tally.failing is None, explain(SEED, tally.failing)
    assert tally.inputs == INPUTS
    assert set(tally.outcomes) >= {"features", "BadRequest", *map(str, _REACHED)}
    assert min(tally.outcomes["features"], tally.outcomes["BadRequest"]) > INPUTS / 10
    assert set(tally.changes) >= {"nesting", "doubled", "truncated", "odd_attributes", "cloud_event"}


_REACHED = (
    *(ErrorType.JSON_PARSE_ERROR, ErrorType.SCHEMA_ERROR, ErrorType.INVALID_TIMESTAMP),
    *(ErrorType.TIMESTAMP_OUT_OF_RANGE, ErrorType.UNEXPECTED_ERROR),
)


def test_an_input_is_the_same_for_the_same_seed_and_number() -> None:
    assert draw(SEED, 3) == draw(SEED, 3) != draw(SEED, 4)
    assert draw(SEED, 3) != draw(SEED + 1, 3)


def given(data: bytes, door: str = "parse") -> Input:
    return Input(0, door, (), b'{"message":{"messageId":"1","data":"', data, b'"}}')


@pytest.mark.parametrize(
    ("event_type", "metrics"),
    [
        ("dashboard_interaction", b'{"search_queries":[%s]}' % b",".join([b"1"] * 100_000)),
        ("inspection_update", b'{"risk_indicators":[%s]}' % b",".join([b"[]"] * 60_000)),
        ("survey", b'{"value_1":[%s]}' % b",".join([b"1"] * 100_000)),
        ("survey", b'{"value_1":{%s}}' % b",".join([b'"%x":1' % name for name in range(20_000)])),
        ("survey", b"{%s}" % b",".join([b'"%x":1' % name for name in range(20_000)])),
        ("survey", b'{"value_1":%s}' % (b"[" * 1_000 + b"]" * 1_000)),
        ("survey", b'{"value_1":%s}' % (b"[" * 100_000)),
        ("survey", b'{"value_1":"%s"}' % (b"\\u0001" * 40_000)),
        ("survey", b'{"value_1":%s}' % (b"9" * 200_000)),
    ],
    ids=[
        "wrong texts",
        "lists",
        "numbers",
        "names in a value",
        "names",
        "depth",
        "open",
        "escapes",
        "digits",
    ],
)
@pytest.mark.parametrize("door", ["parse", "features"])
def test_the_largest_events_cost_no_more_than_their_size_allows(
    door: str, event_type: str, metrics: bytes
) -> None:
    times = b'"timestamp":"%s","event_timestamp":"%s","processing_timestamp":"%s"' % ((TIME,) * 3)
    head = (
        b'{"event_id":"e","location_id":"l","event_type":"%s","pipeline_version":"1",' % event_type.encode()
    )
    verdict = judge(given(b'%s%s,"metrics":%s}' % (head, times, metrics), door), measure_memory=True)
    assert verdict.broken == ""


def _bug(body: bytes) -> Result:
    if b"eA==" in body:  # x, in base64
        raise KeyError("x")
    return Heartbeat()


def _slow(body: bytes) -> Result:
    for _ in range(500_000):
        hash(body)
    return Heartbeat()


def _greedy(_body: bytes) -> Result:
    bytes(10_000_000)
    return Heartbeat()


@pytest.mark.parametrize(
    ("door", "breach"), [(_bug, "KeyError"), (_slow, "ms for 43 bytes"), (_greedy, "bytes of memory")]
)
def test_another_error_much_cpu_and_much_memory_break_the_law(
    door: Callable[[bytes], Result], breach: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(law, "DOORS", {"parse": door})
    assert breach in judge(given(b"x"), measure_memory=True).broken
    monkeypatch.undo()
    assert judge(given(b"x"), measure_memory=True).broken == ""


def _choking(body: bytes) -> Result:
    if b"\x1b" in decode_request(body).data:
        raise ZeroDivisionError("an escape")
    return Heartbeat()


def test_a_failing_input_is_made_smaller_and_printed_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(law, "DOORS", {"parse": _choking})
    failing = given(b"some text before it \x1b and behind")
    least, broken = smallest(failing)
    assert (least.data, least.before[:10]) == (b"\x1b", b'{"message"')
    assert "ZeroDivisionError: an escape" in broken
    told = explain(SEED, failing)
    assert "\x1b" not in told
    assert told.endswith(f"again: python -m tests.hostile --seed {SEED} --only 0")
