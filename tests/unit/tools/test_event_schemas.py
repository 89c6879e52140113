"""The JSON Schemas that producers get say what `parse` does, as far as JSON Schema can say it."""

from collections.abc import Mapping
from math import isinf
from typing import Any

import orjson
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from shared.errors import ErrorType
from tests.unit.builders import NOW, raw
from tests.unit.contract import CATEGORIES, METRICS, Metric
from tests.unit.strategies import good_events, nearly_good_events
from tools.generate.event_examples import EXAMPLES, GENERIC
from tools.generate.event_fields import TYPES
from tools.generate.event_schemas import event_schema
from tools.validate.checking import Accepted, Checker, Rejected, Verdict

CHECKER = Checker(max_age=None)  # a schema knows no now
VALIDATORS = {event_type: Draft202012Validator(event_schema(event_type)) for event_type in (*TYPES, None)}

texts_of_numbers = st.text("0123456789+-.eE", max_size=6)
"""Numbers as text, and what is nearly that."""
times = st.from_regex(  # without 24:00, which newer Pythons read
    r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]T([01][0-9]|2[0-35-9]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-][01][0-9]:00)",
    fullmatch=True,
)


def validates(event: Mapping[str, Any]) -> bool:
    kind = event.get("event_type")
    validator = VALIDATORS[kind if isinstance(kind, str) and kind in TYPES else None]
    return validator.is_valid(event)


def verdict(event: Mapping[str, object]) -> Verdict:
    return CHECKER.check(orjson.dumps(event), NOW)


NUMBERS = [metric for metric in METRICS if metric.kind in ("integer", "number")]


def is_plain(text: str) -> bool:
    """No blanks or underscores, which parse accepts beyond its promise; no number beyond 64-bit floats."""
    return text == text.strip() and "_" not in text and not _is_infinite(text)


def _is_infinite(text: str) -> bool:
    try:
        return isinf(float(text))
    except ValueError:
        return False


def numbers_as_text(event: Mapping[str, Any]) -> list[str]:
    metrics = event["metrics"] if isinstance(event["metrics"], dict) else {}
    values = [metrics.get(metric.name) for metric in NUMBERS]
    return [value for value in values if isinstance(value, str)]


@pytest.mark.parametrize("event_type", [*TYPES, None])
def test_a_schema_is_a_valid_schema(event_type: str | None) -> None:
    Draft202012Validator.check_schema(event_schema(event_type))


@pytest.mark.parametrize("event_type", EXAMPLES)
def test_an_example_is_accepted_by_its_own_schema_and_by_no_other(event_type: str) -> None:
    event = EXAMPLES[event_type].accepted(event_type)
    named = None if event_type == GENERIC else event_type
    accepting = {kind for kind, validator in VALIDATORS.items() if validator.is_valid(event)}
    assert accepting == {named, None}, "the generic schema accepts any metrics"


@given(good_events())
def test_what_the_contract_allows_is_accepted_by_both(event: dict[str, Any]) -> None:
    assert validates(event)
    assert isinstance(verdict(event), Accepted)


@given(nearly_good_events())
@example(raw("capacity_update", metrics={"new_beds": 2.0**63}))
@example(raw("capacity_update", metrics={"new_beds": 3.5}))
@example(raw("capacity_update", metrics={"new_beds": True}))
def test_what_the_schema_accepts_parse_accepts_and_the_reverse(event: dict[str, Any]) -> None:
    assume(all(map(is_plain, numbers_as_text(event))))
    assert validates(event) == isinstance(verdict(event), Accepted)


@given(st.sampled_from(NUMBERS), texts_of_numbers)
@example(NUMBERS[0], "3.0")
@example(NUMBERS[0], "+3")
@example(NUMBERS[0], "0-3")
def test_a_number_as_text_that_the_schema_accepts_parse_accepts(metric: Metric, text: str) -> None:
    assume(is_plain(text))
    event = raw(metric.event_type, metrics={metric.name: text})
    assert validates(event) == isinstance(verdict(event), Accepted)


@given(times)
@example("2026-03-11T11:59:58Z")
@example("2026-03-11T12:59:58.123456789+01:00")
def test_a_time_that_the_schema_accepts_parse_reads(text: str) -> None:
    event = raw(timestamp=text)
    found = verdict(event)
    if isinstance(found, Rejected):
        beyond = found.error_type is ErrorType.TIMESTAMP_OUT_OF_RANGE or "day" in found.message
        assert beyond or not validates(event)
    else:
        assert validates(event)


UNSAYABLE: list[tuple[str, dict[str, object], ErrorType]] = [
    ("February 30", raw(timestamp="2026-02-30T00:00:00Z"), ErrorType.INVALID_TIMESTAMP),
    ("before the year 1", raw(timestamp="0001-01-01T00:00:00+01:00"), ErrorType.INVALID_TIMESTAMP),
    ("tomorrow", raw(timestamp="2026-03-12T12:00:00Z"), ErrorType.TIMESTAMP_OUT_OF_RANGE),
    ("65 bits", raw("capacity_update", metrics={"new_beds": str(2**63)}), ErrorType.SCHEMA_ERROR),
    ("1e400", raw("inspection_update", metrics={"duration_days": "1e400"}), ErrorType.SCHEMA_ERROR),
    ("300 KB", raw(metrics={"change_reason": "x" * 300_000}), ErrorType.PAYLOAD_TOO_LARGE),
]


@pytest.mark.parametrize(("event", "error_type"), [pytest.param(*rest, id=name) for name, *rest in UNSAYABLE])
def test_what_json_schema_cannot_say_is_rejected_all_the_same(
    event: dict[str, object], error_type: ErrorType
) -> None:
    found = verdict(event)
    assert validates(event)
    assert isinstance(found, Rejected)
    assert found.error_type is error_type


@pytest.mark.parametrize("text", ["0-3", "0-0", "00-3", "0-3.0", "-0-3", " 0-3"])
def test_a_number_with_a_sign_in_its_middle_is_none(text: str) -> None:
    event = raw("capacity_update", metrics={"new_beds": text})
    found = verdict(event)
    assert isinstance(found, Rejected)
    assert found.error_type is ErrorType.SCHEMA_ERROR
    assert "metrics.new_beds" in found.message
    assert not validates(event)


@pytest.mark.parametrize("text", [" 3", "1_000"])
def test_blanks_and_underscores_in_a_number_are_read_and_not_promised(text: str) -> None:
    event = raw("capacity_update", metrics={"new_beds": text})
    assert isinstance(verdict(event), Accepted)
    assert not validates(event)


@pytest.mark.parametrize("text", ["20260311T115958Z", "2026-03-11 11:59:58Z", "2026-03-11T11:59Z"])
def test_other_forms_of_iso_8601_are_read_and_not_promised(text: str) -> None:
    assert isinstance(verdict(raw(timestamp=text)), Accepted)
    assert not validates(raw(timestamp=text))


def test_an_event_type_without_a_schema_of_its_own_is_generic() -> None:
    unnamed = set(CATEGORIES) - set(TYPES)
    assert unnamed == {"fire_drill"}
    assert VALIDATORS[None].is_valid(raw("fire_drill", metrics={"anything": [1, None]}))
