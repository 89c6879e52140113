"""What can't be asked of `nox -s load` is refused in a sentence, before anything starts."""

from pathlib import Path

import pytest

from tools.load.__main__ import main, parser, plan_of
from tools.load.plan import Outage


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--rate 0", "0 is not a number above 0"),
        ("--rate nan", "nan is not a number above 0"),
        ("--rate inf", "inf is not a number above 0"),
        ("--minutes -1", "-1 is not a number above 0"),
        ("--locations 1.5", "1.5 is not a whole number"),
        ("--locations 99999999999999999999", "is not a whole number"),
        ("--burst --outage bigquery", "not allowed with"),
    ],
)
def test_misuse_is_refused(arguments: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--rate 1000000 --minutes 60", "change --rate or --minutes"),
        ("--outage bigquery --outage-seconds 500", "give it --minutes"),
    ],
)
def test_a_run_that_can_not_be_starts_no_chain(
    arguments: str,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments.split()) == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_outage_freezes_its_part_unless_it_is_to_be_killed() -> None:
    frozen = plan_of(parser().parse_args(["--outage", "firestore", "--outage-seconds", "20"]))
    assert frozen.outage == Outage("firestore", 20.0, killed=False)
    killed = plan_of(parser().parse_args(["--outage", "firestore", "--killed"]))
    assert killed.outage is not None
    assert killed.outage.how == "killed"


def test_a_burst_is_ten_times_the_rate_for_a_minute_unless_told_otherwise() -> None:
    plan = plan_of(parser().parse_args(["--burst", "--rate", "20"]))
    assert [phase.rate for phase in plan.phases()] == [20.0, 200.0, 20.0]
    assert plan.phases()[1].seconds == 60.0
