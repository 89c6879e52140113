"""Dead letters grouped by what is wrong, each group with the command that takes it and no other."""

import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from typer.main import get_group

from shared.dead_letters.record import DeadLetterRecord
from shared.errors import ErrorType
from tools.__main__ import app
from tools.redrive.groups import EXAMPLES, Group, grouped
from tools.redrive.remedies import Ease, Remedy, remedy
from tools.redrive.verdict import judge
from tools.redrive.work import Key, Mark
from tools.replay.items import of_record
from tools.replay.reasons import field_of
from tools.replay.selection import Selection

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
JUDGE = judge("test")
HOSTILE = "metrics.$(rm -rf ~); `x` 'y'\""
GOOD = {
    "event_id": "e",
    "location_id": "1-1",
    "event_type": "capacity_update",
    "timestamp": "2026-01-31T11:59:00Z",
    "metrics": {"previous_beds": 10, "new_beds": 12},
}


def record(
    message: str = "metrics.new_beds: Input should be a valid integer (got '12 beds')",
    error_type: ErrorType = ErrorType.SCHEMA_ERROR,
    *,
    identity: str = "e",
    stage: str = "parse",
    minute: int = 0,
    **fields: object,
) -> DeadLetterRecord:
    event = GOOD | {"event_id": identity, "metrics": {"new_beds": "12 beds"}} | fields
    return DeadLetterRecord(
        error_type=error_type,
        error_message=message,
        stage=stage,
        event_id=identity,
        event_type="capacity_update",
        payload=json.dumps({name: value for name, value in event.items() if value is not ...}).encode(),
        error_timestamp=NOON + timedelta(minutes=minute),
        pipeline_version="test",
    )


def only(records: Sequence[DeadLetterRecord], done: Mapping[Key, Mark] | None = None) -> Group:
    (group,) = grouped(records, done or {})
    return group


def fix(*records: DeadLetterRecord, done: Mapping[Key, Mark] | None = None) -> Remedy:
    return remedy(only(records, done), JUDGE, NOON)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("metrics.new_beds: Input should be a valid integer (got '12: beds')", "metrics.new_beds"),
        ("metrics.areas_assessed.3: Input should be a valid string (got 7)", "metrics.areas_assessed"),
        ("metrics.value_1.dict.deeper.dict.deepe: Recursion error (got dict)", "metrics.value_1"),
        ("metrics: is missing", "metrics"),
        ("event_id: Input should be a valid string (got 7)", "event_id"),
        ("timestamp: is missing, expected ISO 8601 text with an offset", "timestamp"),
        ("timestamp '2026-01-31T12:00:00': it has no offset: end it with Z", "timestamp"),
        ("timestamp '2027-01-31T12:00:00Z' is 364 days ahead of now", "timestamp"),
        ("event_timestamp: 2027-01-31 is over 8 days ahead of now", "event_timestamp"),
        (f"{HOSTILE}: Input should be valid", HOSTILE),
        ("metrics.\x1b[2J: Input should be valid", None),
        ("metrics.a\nb: Input should be valid", None),
        ("expected a JSON object, got list", None),
        ("not JSON: unexpected character: line 1 column 1 (char 0)", None),
        ("the event has 300171 bytes, the limit is 262144 (MAX_EVENT_BYTES)", None),
        ("the event came over 1:00:00 after its window of 2026-11-22T20:40:00Z", None),
        ("metricsx: no field of ours", None),
        ("", None),
    ],
)
def test_the_field_is_what_the_message_names_first(message: str, field: str | None) -> None:
    assert field_of(message) == field


def test_groups_are_reason_stage_and_field_the_largest_first() -> None:
    others = [record("metrics: is missing"), record(stage="features"), record("x", ErrorType.TRANSFORM_ERROR)]
    groups = grouped([*others, record(), record(identity="f", minute=5)], {})
    assert [(group.count, group.path, group.stage) for group in groups[:1]] == [
        (2, "metrics.new_beds", "parse")
    ]
    assert len(groups) == 4
    assert (groups[0].first, groups[0].last) == (NOON, NOON + timedelta(minutes=5))


def test_examples_are_of_every_kind_before_a_second_of_one_and_those_to_redrive_first() -> None:
    same = [record(identity=f"same-{number}") for number in range(10)]
    other = record("metrics.new_beds: Input should be finite", identity="other")
    fixed = record("metrics.new_beds: a third kind", identity="fixed")
    done = {("fixed", "parse", "schema_error"): Mark(NOON, has_row=True)}
    group = only([fixed, *same, other], done)
    assert [example.record.event_id for example in group.examples] == ["same-0", "other", "same-1"]
    assert (group.count, group.left, len(group.examples)) == (12, 11, EXAMPLES)


def test_what_the_current_code_accepts_is_redriven_as_it_is() -> None:
    found = fix(record(metrics={}))
    assert found.ease is Ease.AS_IT_IS
    assert "--unset" not in found.words


@pytest.mark.parametrize("reason", [ErrorType.DELIVERY_EXHAUSTED, ErrorType.SINK_REJECTED])
def test_what_a_service_refused_is_sent_again_once_its_cause_is_gone(reason: ErrorType) -> None:
    found = fix(record("it was refused", reason, metrics={}))
    assert found.ease is Ease.AS_IT_IS
    assert not found.sentence.startswith("The current code")


def test_a_wrong_field_that_has_a_default_is_left_out() -> None:
    found = fix(record(), record(identity="f"))
    assert found.ease is Ease.BY_AN_EDIT
    assert found.words[-2:] == ("--unset", "metrics.new_beds")
    assert "its default" in found.sentence
    assert "the message's id" in fix(record("event_id: is 7", identity="7", event_id=7, metrics={})).sentence


@pytest.mark.parametrize(
    "wrong",
    [
        record("location_id: is missing", location_id=...),
        record("metrics: is missing", metrics=...),
        record("metrics.: Input should be valid"),
        record("expected a JSON object, got list"),
        record(f"{HOSTILE}: Input should be valid"),
    ],
)
def test_what_no_edit_mends_is_edited_by_hand(wrong: DeadLetterRecord) -> None:
    found = fix(wrong)
    assert found.ease is Ease.BY_HAND
    option, file = found.words[-2:]
    assert option == "--export"
    assert file.replace(".", "").replace("-", "").replace("_", "").isalnum()


def test_one_example_that_the_code_still_refuses_is_enough_to_ask_for_an_edit_by_hand() -> None:
    beyond = record("metrics.new_beds: another kind", identity="f", location_id="")
    assert fix(record(), beyond).ease is Ease.BY_HAND


def test_a_late_event_has_its_row_and_is_not_sent_again() -> None:
    found = fix(record("it came late", ErrorType.LATE_EVENT, stage="features"))
    assert (found.ease, found.words) == (Ease.NOTHING, ())


def test_online_values_are_healed_by_the_command_of_the_newest_record() -> None:
    reason, heal = ErrorType.FEATURE_STORE_WRITE_FAILED, "not in the online store: heal with cqc heal-online"
    older, newer = (
        record(f"{heal} --from {hour}:00Z --to {hour}:05Z", reason, identity=f"e-{hour}", minute=hour)
        for hour in (11, 12)
    )
    assert fix(newer, older).words == ("heal-online", "--from", "12:00Z", "--to", "12:05Z")
    assert fix(record("it names no range", reason)).words == ()


def test_what_was_redriven_and_what_holds_no_event_has_nothing_to_send() -> None:
    done = {("e", "parse", "schema_error"): Mark(NOON, has_row=False)}
    assert fix(record(), done=done).sentence == "All were redriven."
    segment = record("a segment", ErrorType.UNEXPECTED_ERROR, stage="aggregate")
    assert fix(segment).sentence == "Dead letters of aggregate hold no event to send again."


@pytest.mark.parametrize("message", ["metrics: is missing", f"{HOSTILE}: is wrong", "expected a JSON object"])
def test_the_command_is_one_that_redrive_takes_and_selects_the_group_alone(message: str) -> None:
    wrong = record(message, location_id=...)
    words = shlex.split(shlex.join(("cqc", *fix(wrong).words)))
    given = get_group(app).commands["redrive"].make_context("redrive", words[2:]).params
    selection = Selection(given["reason"], stage=given["stage"], field=given["field"])
    others = [record(), record(message, stage="features"), record(message, ErrorType.TRANSFORM_ERROR)]
    assert selection.matches(of_record(wrong))
    assert [selection.matches(of_record(other)) for other in others] == [False] * 3
