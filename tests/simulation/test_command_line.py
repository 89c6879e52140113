"""`python -m tests.simulation` as a person meets it."""

import pytest

from tests.simulation.__main__ import main


def test_the_help_says_what_it_does_and_what_the_exit_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "random histories" in said
    assert "Exit code 0: all hold; 1: one does not; 2: wrong arguments." in said


@pytest.mark.parametrize("arguments", [[], ["x"], ["-1"], ["1", "0"], ["1", "many"], ["1", "2", "3"]])
def test_wrong_arguments_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_histories_that_hold_exit_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["3"]) == 0
    assert capsys.readouterr().out.startswith("1 history holds, ")
