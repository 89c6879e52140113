"""Which functions the benchmark measures."""

from pathlib import Path

import pytest

from tools.bench.feed import Subscriber
from tools.bench.functions import Extent
from tools.bench.subjects import BEFORE, NOOP, PULLS, subjects

FUNCTIONS = Extent().functions


def measured(against: Path | None = None) -> list[str]:
    return [subject.name for subject in subjects(FUNCTIONS, against, Subscriber())]


def test_all_that_is_asked_for_is_measured_beside_the_no_op() -> None:
    assert measured() == [NOOP, *FUNCTIONS]


@pytest.mark.parametrize("pulls", [True, False])
def test_another_checkout_s_functions_follow_their_own_but_those_that_it_cannot_run(
    tmp_path: Path, pulls: bool
) -> None:
    if pulls:
        tmp_path.joinpath("functions").mkdir()
        tmp_path.joinpath("functions", "pulling.py").touch()
    own = [name for function in FUNCTIONS for name in (function, function + BEFORE)]
    assert measured(tmp_path) == [NOOP, *(name for name in own if pulls or PULLS + BEFORE not in name)]
