"""A service stops under load: nothing is lost, counted twice or late, and no brake is engaged."""

import json
from pathlib import Path

import pytest

from tools.load import __main__ as command
from tools.paths import ROOT

pytestmark = pytest.mark.outages


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("driver", "statuses"), [("push", {"204", "429", "503", "0"}), ("pull", {"204", "503"})]
)
def test_firestore_freezes_for_20_seconds_under_load_and_nothing_is_lost(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    driver: str,
    statuses: set[str],
) -> None:
    """By pull no lease runs out meanwhile: each message is acknowledged or given back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "FOLDER", ROOT / "build" / "load-test")
    arguments = "--rate 40 --minutes 0.75 --flush-every 10 --outage firestore --outage-seconds 20 --json"
    code = command.main([*arguments.split(), "--driver", driver])
    answer = capsys.readouterr()
    found = json.loads(answer.out)
    assert (found["wrong"], code) == ([], 0), answer.err
    assert found["events"] == 1_800
    assert found["ledger"]["unique_features"] == found["ledger"]["in_windows"] == 1_800
    assert set(found["answers"]["features"]) <= statuses
    assert found["answers"]["features"]["503"] > 0, "the outage was felt, and answered retryably"
