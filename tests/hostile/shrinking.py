"""A failing input made smaller, and printed so that it can be read and run again."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.hostile.inputs import Input
from tests.hostile.law import judge

TRIES = 1_500
SHOWN = 600
"""Bytes of an input that are printed."""


def smallest(given: Input) -> tuple[Input, str]:
    """An input that breaks the law in the same way with less, and what it breaks."""
    broken = judge(given).broken or judge(given, measure_memory=True).broken
    same, tries = _kind(broken), iter(range(TRIES))
    for part in ("data", "before", "after"):
        given = _without_parts(given, part, lambda smaller: _breaks(smaller, same), tries)
    return given, judge(given).broken or broken


def _kind(broken: str) -> str:
    """The place and the type of the error; a cost whatever its numbers."""
    return ":".join(broken.split(":")[:3]) if not broken.startswith("cost") else "cost"


def _breaks(given: Input, same: str) -> bool:
    return _kind(judge(given).broken) == same


def _without_parts(
    given: Input, part: str, still_breaks: Callable[[Input], bool], tries: Iterator[int]
) -> Input:
    """Leaves out pieces of one part, halves first, then ever smaller ones."""
    size = len(getattr(given, part)) // 2
    while size:
        at = 0
        while at < len(text := getattr(given, part)):
            if next(tries, None) is None:
                return given
            candidate = replace(given, **{part: text[:at] + text[at + size :]})
            if still_breaks(candidate):
                given = candidate
            else:
                at += size
        size //= 2
    return given


def explain(seed: int, given: Input) -> str:
    """The breach, the input as it was made, and the least that breaks the law as well."""
    least, broken = smallest(given)
    changes = ", ".join(given.changes) or "a good one"
    return "\n".join(
        (
            f"input {given.number} of seed {seed} breaks the law at {given.door}: {broken}",
            f"It is {changes}; {len(given.body)} bytes, and the least that breaks it {len(least.body)}:",
            f"  before  {_shown(least.before)}",
            f"  data    {_shown(least.data)}",
            f"  after   {_shown(least.after)}",
            f"again: python -m tests.hostile --seed {seed} --only {given.number}",
        )
    )


def _shown(text: bytes) -> str:
    """Escaped, so that nothing in it reaches a terminal."""
    return f"{text[:SHOWN]!r}" + (f" and {len(text) - SHOWN} bytes more" if len(text) > SHOWN else "")
