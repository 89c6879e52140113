"""Dead letters fixed and sent again: once, and only those that the current code accepts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repair.helpers import FAILURES_OF, ROWS_OF, event, number, publish, until_number
from tests.support.chain import STAND_IN, Run
from tests.support.command_line import Answer, Invoke

pytestmark = pytest.mark.parametrize("chain", [STAND_IN], ids=str, indirect=True)

BEDS = "metrics.new_beds=int(event['metrics']['new_beds'].split()[0])"


def rejected(run: Run, **fields: object) -> str:
    """The id of an event that parse has rejected."""
    sent = event(**fields)
    (message_id,) = publish(run, sent)
    event_id = str(sent.get("event_id", message_id))
    until_number(run, 1, FAILURES_OF, event_id=event_id)
    return event_id


def redrive(invoke: Invoke, event_id: str, *options: str) -> Answer:
    return invoke("redrive", "--event-id", event_id, *options)


def test_an_edited_event_is_shown_checked_sent_and_not_sent_twice(run: Run, invoke: Invoke) -> None:
    event_id = rejected(run, event_id=..., event_type="capacity_update", metrics={"new_beds": "12 beds"})
    shown = redrive(invoke, event_id, "--set", BEDS)
    assert '-    "new_beds": "12 beds"' in shown.out
    assert '+    "new_beds": 12' in shown.out
    assert "the current code accepts it" in shown.out
    assert "Nothing was sent; 1 could be" in shown.out

    assert redrive(invoke, event_id, "--set", BEDS, "--yes").code == 0
    until_number(run, 1, ROWS_OF, event_id=event_id)
    again = redrive(invoke, event_id, "--set", BEDS, "--yes")
    assert "To redrive: 0. Already redriven, needing no redrive, or over the limit: 1." in again.out
    known = json.loads(invoke("explain", event_id, "--json").out)
    assert [(replay["kind"], replay["edit"]) for replay in known["replays"]] == [("redrive", BEDS)]


def test_a_reader_that_goes_before_anything_is_sent_or_exported_is_told_of(run: Run, tmp_path: Path) -> None:
    event_id, file = rejected(run, metrics=...), tmp_path / "export.jsonl"
    for options, undone in (
        (("--set", "metrics={}", "--yes"), "sent"),
        (("--set", "metrics={}", "--yes", "--json"), "sent"),
        (("--export", str(file)), "exported"),
    ):
        answer = without_a_reader(run, "redrive", "--event-id", event_id, *options)
        assert f"cqc: nothing was {undone}: the reader" in answer.stderr, answer.stderr
        assert answer.returncode == 2
    assert not file.exists()
    assert number(run, "SELECT COUNT(*) FROM replays WHERE event_id = @event_id", event_id=event_id) == 0
    looked = without_a_reader(run, "redrive", "--event-id", event_id, "--set", "metrics={}")
    assert (looked.returncode, looked.stderr) == (0, "")


def without_a_reader(run: Run, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`cqc` in a pipe whose other end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            [sys.executable, "-m", "tools", *arguments],
            env=os.environ | {"CQC_CHAIN": str(run.chain.file)},
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)


def test_an_event_that_is_still_wrong_is_not_sent_and_can_be_redriven_later(run: Run, invoke: Invoke) -> None:
    event_id = rejected(run, event_type="capacity_update", metrics={"new_beds": "many"})
    refused = redrive(invoke, event_id, "--yes")
    assert refused.code == 1
    assert "1 of 1 would be rejected again: 1 because of schema_error: metrics.new_beds" in refused.err
    unfit = redrive(invoke, event_id, "--set", BEDS, "--yes")
    assert "ValueError: invalid literal for int()" in unfit.err
    assert number(run, FAILURES_OF, event_id=event_id) == 1
    assert redrive(invoke, event_id, "--unset", "metrics.new_beds", "--yes").code == 0
    until_number(run, 1, ROWS_OF, event_id=event_id)


def test_an_event_that_a_redrive_has_fixed_is_not_open_again_after_a_seek(run: Run, invoke: Invoke) -> None:
    event_id = rejected(run, metrics=...)
    assert redrive(invoke, event_id, "--set", "metrics={}", "--yes").code == 0
    until_number(run, 1, ROWS_OF, event_id=event_id)
    assert invoke("replay", "--seek-subscription", "dashboard-events-parse", "--to-time", "1m").code == 0
    until_number(run, 2, FAILURES_OF, event_id=event_id)
    assert "To redrive: 0." in redrive(invoke, event_id, "--set", "metrics={}").out


def test_events_are_fixed_by_hand_in_a_file_which_can_be_sent_again_after_a_partial_run(
    run: Run, invoke: Invoke, tmp_path: Path
) -> None:
    location = {"location_id": "1-77001", "timestamp": "tomorrow"}
    first, second = rejected(run, **location), rejected(run, **location)
    file, of_location = tmp_path / "export.jsonl", ("redrive", "--location", "1-77001")
    assert invoke(*of_location, "--export", str(file)).code == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        assert line["payload"]["timestamp"] == "tomorrow"
        line["payload"]["timestamp"] = event()["timestamp"]
    edited = "\n".join(map(json.dumps, lines))
    file.write_text(edited)
    kept = invoke(*of_location, "--export", str(file))
    assert (kept.code, file.read_text()) == (2, edited)
    assert "exists already, perhaps with edits" in kept.err

    assert invoke(*of_location, "--edited", str(file), "--limit", "1", "--yes").code == 0
    rest = invoke(*of_location, "--edited", str(file), "--yes")
    assert (rest.code, "1 sent and marked" in rest.out) == (0, True)
    assert f"To redrive: 1, which are in {file}." in " ".join(rest.out.split())
    for event_id in (first, second):
        until_number(run, 1, ROWS_OF, event_id=event_id)
    assert "Nothing to send." in invoke(*of_location, "--edited", str(file), "--yes").out


def test_an_edit_must_not_change_the_event_id(run: Run, invoke: Invoke) -> None:
    event_id = rejected(run, metrics=...)
    answer = redrive(invoke, event_id, "--set", "metrics={}", "--set", "event_id='other'", "--yes")
    assert answer.code == 1
    assert f"the edit changes event_id, which was {event_id}: it would be another event" in answer.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--set", "metrics.new_beds"), "--set metrics.new_beds: write it like metrics.new_beds=12"),
        (("--set", ".=1"), "--set .: not a path to a field"),
        (("--set", "a=1 +"), "is not a Python expression"),
        (("--set", "a=__import__('os')"), "a name must not begin with an underscore"),
        (("--set", "a=event.__class__"), "uses .__class__: allowed are .get"),
        (("--set", "a=9**9"), "uses Pow, which an edit does not need"),
        (("--set", "a=1", "--export", "x"), "fix events in one way"),
        (("--edited", "nowhere.jsonl"), "--edited nowhere.jsonl can't be read (No such file or directory)"),
        (("--event-id", "no-such-event"), "streaming_errors has no dead letter of event no-such-event"),
        (("--reason", "typo"), "--reason typo: choose one of"),
        (("--since", "noon"), "--since noon: Invalid isoformat string"),
    ],
)
def test_misuse_is_answered_with_one_sentence(
    invoke: Invoke, options: tuple[str, ...], sentence: str
) -> None:
    answer = invoke("redrive", *options)
    assert sentence in answer.err
    assert answer.code == 2
