"""Questions that are asked at once: each has its own end."""

import threading

import pytest

from tools.errors import UsageError
from tools.pipeline.side_by_side import Missing, side_by_side


def test_a_question_that_hangs_keeps_no_other_answer_back() -> None:
    released = threading.Event()

    def hangs() -> str:
        released.wait()
        return "late"

    def fails() -> str:
        raise UsageError("nothing listens: start it")

    try:
        answers = side_by_side({"hangs": hangs, "fails": fails, "answers": lambda: "here"}, seconds=0.2)
    finally:
        released.set()
    assert answers == {
        "hangs": Missing("no answer within 0.2 s: it is frozen or overloaded"),
        "fails": Missing("nothing listens: start it"),
        "answers": "here",
    }
    assert list(answers) == ["hangs", "fails", "answers"]


def test_a_bug_stays_loud() -> None:
    def has_a_bug() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        side_by_side({"bug": has_a_bug}, seconds=5)


def test_questions_are_asked_at_once() -> None:
    together = threading.Barrier(2)

    def meets() -> int:
        together.wait(timeout=10)
        return 1

    assert side_by_side({"a": meets, "b": meets}, seconds=10) == {"a": 1, "b": 1}
