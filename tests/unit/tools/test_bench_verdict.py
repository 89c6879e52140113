"""When the benchmark calls something a regression: figures planted by round."""

from itertools import product

import pytest

from tools.bench.__main__ import main
from tools.bench.check import EXTENT, show
from tools.bench.drivers import DEPLOYED
from tools.bench.subjects import PULLS
from tools.bench.verdict import BUDGETS, LEAST_ROUNDS, Finding, Verdict, judge

STEADY = [100.0, 102.0, 99.0, 101.0, 100.0, 103.0, 100.0]
BUSY = [100.0, 180.0, 95.0, 140.0, 210.0, 120.0, 100.0]


def found(times: list[float] | float, noop: list[float] = STEADY) -> Finding:
    """`parse` at 80 (budget 1.5) with this CPU as a multiple of the no-op's."""
    ratios = times if isinstance(times, list) else [times] * len(noop)
    return judge("parse", 80, [ratio * base for ratio, base in zip(ratios, noop, strict=True)], noop)


def test_a_function_under_its_budget_holds() -> None:
    assert found(1.2).verdict is Verdict.HOLDS


def test_a_function_over_its_budget_in_steady_rounds_has_regressed() -> None:
    assert found(1.6).verdict is Verdict.REGRESSED


def test_one_bad_round_of_seven_is_no_regression() -> None:
    assert found([1.2, 1.2, 1.2, 4.0, 1.2, 1.2, 1.2]).verdict is Verdict.HOLDS


def test_rounds_that_disagree_are_no_regression() -> None:
    assert found([1.2, 1.8, 1.2, 1.8, 1.3, 1.8, 1.8]).verdict is Verdict.UNCERTAIN


@pytest.mark.parametrize("times", [1.6, 3.0])
def test_nothing_is_said_of_a_function_while_the_no_op_itself_varies(times: float) -> None:
    assert found(times, BUSY).verdict is Verdict.UNCERTAIN


def test_what_is_under_the_budget_in_spite_of_the_noise_holds() -> None:
    assert found(1.2, BUSY).verdict is Verdict.HOLDS


def test_a_regression_is_exit_code_1_and_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert show([found(1.2), found(1.6)]) == 1
    held, regressed = capsys.readouterr().out.splitlines()
    assert held == "parse at 80: 1.20 (1.20–1.20) × the no-op, budget 1.5: holds."
    assert regressed.endswith(
        "budget 1.5: regressed, as the no-op varied by 2% only. "
        "Find the commit: python -m tools.bench --against CHECKOUT"
    )


def test_noise_is_exit_code_0_and_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert show([found(1.6, BUSY)]) == 0
    assert "cannot say: the no-op, which did not change, varied by" in capsys.readouterr().out


def test_what_cannot_be_measured_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "aggregate"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("bench: no such function: aggregate; choose ")


def test_what_is_checked_is_what_has_a_budget() -> None:
    loads = product(EXTENT.functions, EXTENT.at_once)
    measured = {(name, at_once) for name, at_once in loads if at_once == DEPLOYED or not name.endswith(PULLS)}
    assert measured == set(BUDGETS)
    assert EXTENT.rounds >= LEAST_ROUNDS
