"""The list of breakages can't rot: each still fits its file and names tests that exist."""

import ast
from pathlib import Path

import pytest

from tests.mutants.catalog import Mutant, load
from tests.mutants.trial import Verdict, judge
from tools.paths import ROOT

MUTANTS = load()


def planted(mutant: Mutant) -> str:
    return mutant.planted_in((ROOT / mutant.file).read_text(encoding="utf-8"))


def test_every_breakage_fits_its_file_once_and_leaves_python_that_parses() -> None:
    for mutant in MUTANTS:
        assert mutant.before != mutant.after, mutant.name
        text = planted(mutant)
        if mutant.file.endswith(".py"):
            ast.parse(text, mutant.name)


def test_every_breakage_names_tests_that_exist() -> None:
    for mutant in MUTANTS:
        assert mutant.tests, mutant.name
        for test in mutant.tests:
            file, _, name = test.partition("::")
            assert (ROOT / file).is_file(), f"{mutant.name}: {file}"
            assert not name or f"def {name.partition('[')[0]}(" in (ROOT / file).read_text(), f"{mutant.name}"


def test_no_breakage_is_listed_twice_and_none_breaks_a_test() -> None:
    names = [mutant.name for mutant in MUTANTS]
    changes = [(mutant.file, mutant.before, mutant.after) for mutant in MUTANTS]
    assert len(set(names)) == len(names)
    assert len(set(changes)) == len(changes)
    assert [mutant.name for mutant in MUTANTS if Path(mutant.file).parts[0] == "tests"] == []


def test_text_that_does_not_stand_once_is_refused() -> None:
    mutant = Mutant("area", "nothing", "file.py", "a", "b", [])
    assert mutant.planted_in("xay") == "xby"
    for text in ("x", "aa"):
        with pytest.raises(ValueError, match="not once"):
            mutant.planted_in(text)


FAILED = "FAILED tests/a.py::test_b[x y] - AssertionError: no\n1 failed in 1s"


@pytest.mark.parametrize(
    ("code", "output", "verdict", "detail"),
    [
        (1, FAILED, Verdict.KILLED, "tests/a.py::test_b[x y]"),
        (1, "ERROR tests/a.py::test_b\n1 error", Verdict.KILLED, "tests/a.py::test_b"),
        (0, "3 passed in 1s", Verdict.SURVIVED, "3 passed in 1s"),
        (None, "", Verdict.HUNG, ""),
        (
            1,
            "E  Failed: Timeout (>30.0s) from pytest-timeout.\nFAILED tests/a.py::test_b - Fai...",
            Verdict.HUNG,
            "tests/a.py::test_b",
        ),
        (2, "ERROR tests/a.py - SyntaxError\n1 error in 1s", Verdict.BROKEN, "1 error in 1s"),
        (4, "ERROR: not found: tests/a.py::test_c", Verdict.BROKEN, "ERROR: not found: tests/a.py::test_c"),
    ],
    ids=["failed", "error", "passed", "ended", "timeout", "does not import", "no such test"],
)
def test_only_a_test_that_fails_kills(code: int | None, output: str, verdict: Verdict, detail: str) -> None:
    assert judge(code, output) == (verdict, detail)
