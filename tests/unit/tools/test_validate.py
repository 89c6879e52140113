"""`cqc validate` says what `parse` would do, and what a producer may have meant."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given

from shared.errors import ErrorType, Reject
from shared.events import encode
from tests.support.command_line import Invoke, invoking
from tests.unit.builders import DECODER, NOW, message, nested_json, outcome, raw
from tests.unit.strategies import nearly_good_events
from tools.paths import ROOT
from tools.validate.checking import RETENTION, Accepted, Checker, Rejected
from tools.validate.hints import hints
from tools.validate.report import Report

CHECKER = Checker()

MISSPELT = [
    (raw("capacity_update", metrics={"new_bed": 4}), ["metrics.new_bed: did you mean new_beds?"]),
    (raw("capacity_update", metrics={"newBeds": 4}), ["metrics.newBeds: did you mean new_beds?"]),
    (raw("capacity_update", metrics={"new-beds": 4}), ["metrics.new-beds: did you mean new_beds?"]),
    (raw("compliance_alert", severity="high"), ["severity: did you mean metrics.severity?"]),
    (raw("compliance_alerts"), ["event_type compliance_alerts: did you mean compliance_alert?"]),
    (raw(location_id=..., locationId="1-1"), ["locationId: did you mean location_id?"]),
    (raw("capacity_update", metrics={"new_beds": 4, "new_bed": 4}), []),
    (raw("capacity_update", metrics={"colour": "red"}), []),
    (raw("fire_drill", metrics={"new_bed": 4}), []),
    (raw("capacity_update", metrics=[4]), []),
    (raw(event_type=7), []),
]


@pytest.mark.parametrize(("event", "expected"), MISSPELT)
def test_a_name_close_to_one_that_is_missing_gets_a_hint(
    event: dict[str, object], expected: list[str]
) -> None:
    assert hints(event) == expected


@given(nearly_good_events())
def test_the_verdict_is_that_of_parse(event: dict[str, object]) -> None:
    data = orjson.dumps(event)
    parsed = outcome(lambda: encode(replace(DECODER, max_age=RETENTION).decode(message(data), NOW)[0]))
    verdict = CHECKER.check(data, NOW)
    if isinstance(parsed, Reject):
        assert isinstance(verdict, Rejected)
        assert (verdict.error_type, verdict.message) == (parsed.error_type, str(parsed))
    else:
        assert isinstance(verdict, Accepted)


def test_an_event_older_than_a_deployment_keeps_rows_is_rejected() -> None:
    verdict = CHECKER.check(orjson.dumps(raw(timestamp="2010-01-31T12:00:00Z")), NOW)
    assert isinstance(verdict, Rejected)
    assert verdict.error_type is ErrorType.TIMESTAMP_OUT_OF_RANGE


def test_what_a_deployment_keeps_is_terraforms_default() -> None:
    variables = (ROOT / "terraform" / "variables.tf").read_text()
    default = re.search(r"realtime_features\s+= optional\(number, (\d+)\)", variables)
    assert default
    assert timedelta(days=int(default[1])) == RETENTION


def test_what_parse_could_not_publish_is_rejected_too() -> None:
    data = orjson.dumps(raw("fire_drill")).replace(b'"metrics":{}', b'"metrics":' + nested_json(300))
    assert isinstance(CHECKER.check(data, NOW), Rejected)


def test_a_variable_of_this_shell_changes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_EVENT_BYTES", "10")
    assert isinstance(Checker().check(orjson.dumps(raw()), NOW), Accepted)


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    report = Report()
    checked = [report.check(line, NOW) for line in (orjson.dumps(raw()), b"", b" \r", b"{")]
    assert [line.number if line else None for line in checked] == [1, None, None, 4]
    assert report.empty_lines == 2
    assert report.summary().startswith(
        "2 events: 1 accepted, 1 rejected (1 json_parse_error)\nEach event must"
    )


def test_a_sentence_names_the_unused_fields_and_the_hints() -> None:
    line = Report().check(orjson.dumps(raw("capacity_update", metrics={"new_bed": 4}, region="n")), NOW)
    assert line
    assert line.in_words() == (
        "line 1: accepted, capacity_update (capacity)\n"
        "    no feature uses metrics.new_bed, region\n"
        "    metrics.new_bed: did you mean new_beds?"
    )


def test_control_characters_of_an_event_reach_no_terminal() -> None:
    line = Report().check(orjson.dumps(raw("rating\nchange", metrics={}, **{"\x1b[31m": 1})), NOW)
    assert line
    assert line.in_words().splitlines()[:2] == [
        "line 1: accepted, rating\\nchange (generic)",
        "    no feature uses \\x1b[31m",
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def cqc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoke]:
    with invoking(capsys, monkeypatch) as invoke:
        yield invoke


def test_the_exit_code_is_1_when_a_line_would_be_rejected_and_0_when_none(cqc: Invoke, file: Path) -> None:
    file.write_bytes(orjson.dumps(raw()))
    good = cqc("validate", str(file))
    assert (good.code, good.out.splitlines()[-1]) == (0, "1 event: 1 accepted, 0 rejected")
    file.write_bytes(orjson.dumps(raw()) + b"\n" + orjson.dumps(raw(location_id="")))
    bad = cqc("validate", str(file))
    assert bad.code == 1
    assert bad.out.splitlines()[1].startswith("line 2: rejected, schema_error: location_id: String should")


def test_json_has_every_line_and_the_counts(cqc: Invoke, file: Path) -> None:
    file.write_bytes(orjson.dumps(raw(region="n")) + b"\n{\n")
    answer = cqc("validate", str(file), "--json")
    document = orjson.loads(answer.out)
    assert answer.code == 1
    assert {name: document[name] for name in ("accepted", "rejected", "error_types", "unknown_fields")} == {
        "accepted": 1,
        "rejected": 1,
        "error_types": {"json_parse_error": 1},
        "unknown_fields": {"rating_change.region": 1},
    }
    assert [line["accepted"] for line in document["lines"]] == [True, False]


@pytest.mark.parametrize(("content", "says"), [(None, "can't be read"), (b"\n\n", "has no event to check")])
def test_nothing_to_check_is_misuse(cqc: Invoke, file: Path, content: bytes | None, says: str) -> None:
    if content is not None:
        file.write_bytes(content)
    answer = cqc("validate", str(file))
    assert answer.code == 2
    assert says in answer.err
