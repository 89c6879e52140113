"""Which dead letters are still open, and how refusals are grouped."""

import io
import json
import resource
import signal
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.errors import ErrorType
from tools.errors import ProblemsFound, UsageError
from tools.redrive.command import agreed
from tools.redrive.edits import NotEdited, parse
from tools.redrive.report import by_reason, raise_refused, show
from tools.redrive.verdict import judge
from tools.redrive.work import Key, Mark, Proposal, export, is_open, is_undone, propose, take_edited
from tools.replay.items import DeadLetter, Item

FAILED = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER, EARLIER = FAILED + timedelta(minutes=1), FAILED - timedelta(minutes=1)


SEND = "cqc redrive --edited edit.jsonl"


def dead_letter(event_id: str = "e", at: datetime = FAILED) -> Item:
    failure = DeadLetter("parse", "schema_error", at, "metrics: is missing")
    return Item(b'{"event_id":"e"}', {}, event_id, "parse", "", dead_letter=failure)


KEY: Key = ("e", "parse", "schema_error")


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ({}, True),
        ({KEY: Mark(FAILED, has_row=False)}, False),
        ({KEY: Mark(LATER, has_row=False)}, False),
        ({KEY: Mark(EARLIER, has_row=False)}, True),
        ({KEY: Mark(EARLIER, has_row=True)}, False),
        ({("e", "features", "schema_error"): Mark(LATER, has_row=False)}, True),
    ],
    ids=["never", "redriven", "redriven later", "failed again", "fixed, then a seek", "another stage"],
)
def test_a_dead_letter_is_open_until_a_redrive_has_sent_it_or_given_it_its_row(
    done: Mapping[Key, Mark], expected: bool
) -> None:
    assert is_open(dead_letter(), done) is expected


@pytest.mark.parametrize("reason", ErrorType)
def test_a_failure_whose_event_has_its_row_all_the_same_is_nothing_to_redrive(reason: ErrorType) -> None:
    failure = DeadLetter("features", reason.value, FAILED, "")
    undone = reason not in (ErrorType.LATE_EVENT, ErrorType.FEATURE_STORE_WRITE_FAILED)
    assert is_undone(Item(b"{}", {}, "e", "features", "", dead_letter=failure)) is undone


def test_an_edit_that_changes_the_events_id_is_refused() -> None:
    refusal = judge("p").refusal(dead_letter(), b'{"event_id":"other"}', LATER)
    assert refusal == "the edit changes event_id, which was e: it would be another event"


def test_what_is_taken_away_leaves_no_empty_object_behind() -> None:
    assert parse([], ["metrics.new_beds"]).apply(b'{"a":1}') == b'{"a":1}'
    assert parse([], ["metrics.new_beds"]).apply(b'{"metrics":{"new_beds":1}}') == b'{"metrics":{}}'


def test_an_edit_makes_no_number_that_json_does_not_have() -> None:
    with pytest.raises(NotEdited, match="the edited event is not JSON"):
        parse(["n=float('nan')"], []).apply(b"{}")


def proposal(problem: str | None) -> Proposal:
    return Proposal(dead_letter(), b"{}", problem)


def test_refusals_are_grouped_by_reason_whatever_the_value_and_the_largest_group_is_first() -> None:
    beds, id_ = "schema_error: metrics.new_beds: not a number", "schema_error: location_id: is missing"
    found = by_reason([*map(proposal, (id_, f"{beds} (got 'a')", None, f"{beds} (got 'b (c)')"))])
    assert {reason: len(group) for reason, group in found.items()} == {beds: 2, id_: 1}
    assert next(iter(found)) == beds


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("expected a JSON object, got list", "expected a JSON object, got str"),
        ("not JSON: line 1 column 2 (char 1)", "not JSON: line 1 column 1 (char 0)"),
    ],
)
def test_what_differs_from_event_to_event_makes_no_reason_of_its_own(one: str, other: str) -> None:
    assert len(by_reason([proposal(one), proposal(other)])) == 1


def test_the_last_sentence_names_three_reasons_at_most() -> None:
    with pytest.raises(ProblemsFound, match=r"1 because of c; 2 more reasons\. Fix them"):
        raise_refused([proposal(reason) for reason in "abcde"])


def test_what_can_be_sent_is_not_hidden_by_what_is_refused() -> None:
    raise_refused([proposal(None)])
    with pytest.raises(
        ProblemsFound, match=r"^2 of 3 would be rejected again: 1 because of a; 1 because of b"
    ):
        raise_refused([proposal("a"), proposal(None), proposal("b")])


def test_an_export_never_replaces_a_file(tmp_path: Path) -> None:
    file = tmp_path / "edit.jsonl"
    export([dead_letter()], file, SEND)
    file.write_text("edited")
    with pytest.raises(UsageError, match=rf"exists already, perhaps with edits: .*`{SEND}`"):
        export([dead_letter()], file, SEND)
    assert file.read_text() == "edited"


HALF = b'{"event_id":"e","location_id":"\\ud800","note":"a\xc3\xa9"}'
"""Half a surrogate pair, which JSON can spell and UTF-8 can't hold."""
ENDS_OF_LINES = '{"event_id":"e","location_id":"1\u20282\u2029","note":"\x85"}'.encode()
DEEP = b"[" * 100_000


@pytest.mark.parametrize("data", [HALF, ENDS_OF_LINES, DEEP, b'"\\ud800"', b"\xff\x1b"])
def test_whatever_a_producer_sent_is_exported_and_sent_back(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "edit.jsonl"
    export([replace(dead_letter(), data=data), dead_letter("f")], file, SEND)
    assert len(file.read_bytes().splitlines()) == 2
    back = take_edited([dead_letter(), dead_letter("f")], {}, file, judge("p"), LATER)
    assert back[0].data == (data.decode(errors="replace").strip('"').encode())
    assert len(back) == 2


@pytest.mark.parametrize("data", [HALF, ENDS_OF_LINES, DEEP])
@pytest.mark.parametrize("as_machine", [True, False])
def test_whatever_a_producer_sent_is_edited_and_shown(
    data: bytes, as_machine: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    rules, edit = judge("p"), parse(['note="1"'], [])
    show(propose([replace(dead_letter(), data=data)], edit, rules, LATER), as_machine)
    assert capsys.readouterr().out.encode()


def test_what_a_producer_sent_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b]0;title\x07"
    failure = DeadLetter("parse", "json_parse_error", FAILED, f"not JSON: {hostile}")
    item = replace(dead_letter(hostile), data=f"{{{hostile}\x9b2J".encode(), dead_letter=failure)
    show([Proposal(item, b"{}", hostile), Proposal(item, b"{}", None)], as_machine=False)
    assert all(character.isprintable() for character in capsys.readouterr().out.replace("\n", ""))


def test_an_export_into_a_folder_asks_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder: name a file in it"):
        export([dead_letter()], tmp_path, SEND)


def test_an_export_that_can_t_be_written_whole_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "edit.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(UsageError, match=r"can't be written \(File too large\)"):
            export([dead_letter()] * 100, file, SEND)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not file.exists()


def test_an_edited_file_is_taken_again_without_what_was_sent(tmp_path: Path) -> None:
    file = tmp_path / "edit.jsonl"
    export([dead_letter("sent"), dead_letter("open")], file, SEND)
    done = {("sent", "parse", "schema_error"): Mark(FAILED, has_row=True)}
    for found in ([dead_letter("sent"), dead_letter("open")], [dead_letter("open")]):
        proposals = take_edited(found, done, file, judge("p"), LATER)
        assert [still_open.item.event_id for still_open in proposals] == ["open"]


def test_what_was_edited_by_hand_is_judged_too(tmp_path: Path) -> None:
    file = tmp_path / "edit.jsonl"
    export([dead_letter()], file, SEND)
    (still_wrong,) = take_edited([dead_letter()], {}, file, judge("p"), LATER)
    assert still_wrong.problem is not None
    assert still_wrong.problem.startswith("schema_error: ")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", r"edit\.jsonl:1 is not a line of an export"),
        (json.dumps({"event_id": "e"}), "is not a line of an export .'stage'.: edit only `payload`"),
        (
            json.dumps({"event_id": "x", "stage": "parse", "error_type": "schema_error", "payload": {}}),
            "there is no dead letter x/parse/schema_error among those selected",
        ),
    ],
)
def test_a_line_that_is_no_dead_letter_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    file = tmp_path / "edit.jsonl"
    file.write_text(line)
    with pytest.raises(UsageError, match=sentence):
        take_edited([dead_letter()], {}, file, judge("p"), LATER)


class Terminal(io.StringIO):
    """Someone types this, and then Ctrl-D."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "agrees"),
    [("y\n", True), (" Yes \n", True), ("n\n", False), ("yesterday\n", False), ("\n", False), ("", False)],
)
def test_events_are_sent_for_a_yes_only(typed: str, agrees: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert agreed(1, "p") is agrees


def test_nobody_at_the_terminal_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    for absent in (io.StringIO("y\n"), None):
        monkeypatch.setattr("sys.stdin", absent)
        assert not agreed(1, "p")
