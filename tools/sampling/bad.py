"""Every kind of input that the chain must reject, each as one line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import ErrorType
from tools.sampling.events import line

Event = dict[str, object]


@dataclass(frozen=True, slots=True)
class BadKind:
    """A way to spoil a good event; `spoil` receives it as a dict and returns the line."""

    name: str
    error_type: ErrorType
    """What the chain rejects it as."""
    spoil: Callable[[Event], bytes]


def _set(**fields: object) -> Callable[[Event], bytes]:
    return lambda event: line(event | fields)


def _without(name: str) -> Callable[[Event], bytes]:
    return lambda event: line({key: value for key, value in event.items() if key != name})


def _metrics(event_type: str, **metrics: object) -> Callable[[Event], bytes]:
    return _set(event_type=event_type, metrics=metrics)


def _raw(text: bytes) -> Callable[[Event], bytes]:
    return lambda _event: text


def _cut(event: Event) -> bytes:
    text = line(event)
    return text[: len(text) // 2]


def _not_a_number(event: Event) -> bytes:
    return line(event | {"metrics": {"value_1": 0}}).replace(b'"value_1":0', b'"value_1":NaN')


def _invalid_utf8(event: Event) -> bytes:
    return line(event | {"location_id": "?"}).replace(b'"?"', b'"\xff\xfe"')


def _deep(event: Event) -> bytes:
    # orjson reads 1,024 levels but writes only 254, so they are spliced in.
    flat = line(event | {"event_type": "staff_survey", "metrics": {"value_1": 0}})
    return flat.replace(b'"value_1":0', b'"value_1":' + b'{"deeper":' * 300 + b"1" + b"}" * 300)


def _ahead(event: Event) -> bytes:
    return line(event | {"timestamp": (_time(event) + timedelta(days=1)).isoformat()})


def _without_offset(event: Event) -> bytes:
    return line(event | {"timestamp": _time(event).replace(tzinfo=None).isoformat()})


def _time(event: Event) -> datetime:
    return datetime.fromisoformat(str(event["timestamp"]))


_SCHEMA, _JSON = ErrorType.SCHEMA_ERROR, ErrorType.JSON_PARSE_ERROR
_TIME = ErrorType.INVALID_TIMESTAMP

BAD_KINDS: Mapping[str, BadKind] = {
    kind.name: kind
    for kind in (
        BadKind("not JSON", _JSON, _raw(b"location 1-466088203 rated Good")),
        BadKind("JSON cut short", _JSON, _cut),
        BadKind("NaN", _JSON, _not_a_number),
        BadKind("invalid UTF-8", _JSON, _invalid_utf8),
        BadKind("a JSON array", _SCHEMA, _raw(b'["1-466088203", "rating_change"]')),
        BadKind("a JSON string", _SCHEMA, _raw(b'"rating_change"')),
        BadKind("a JSON null", _SCHEMA, _raw(b"null")),
        BadKind("no location_id", _SCHEMA, _without("location_id")),
        BadKind("no event_type", _SCHEMA, _without("event_type")),
        BadKind("no timestamp", _SCHEMA, _without("timestamp")),
        BadKind("no metrics", _SCHEMA, _without("metrics")),
        BadKind("empty location_id", _SCHEMA, _set(location_id="")),
        BadKind("empty event_type", _SCHEMA, _set(event_type="")),
        BadKind("empty timestamp", _SCHEMA, _set(timestamp="")),
        BadKind("location_id of 129 characters", _SCHEMA, _set(location_id="1" * 129)),
        BadKind("location_id a number", _SCHEMA, _set(location_id=466088203)),
        BadKind("event_id a number", _SCHEMA, _set(event_id=7)),
        BadKind("event_type a list", _SCHEMA, _set(event_type=["rating_change"])),
        BadKind("timestamp a number", _SCHEMA, _set(timestamp=1_767_225_600)),
        BadKind("metrics a list", _SCHEMA, _set(metrics=[1, 2])),
        BadKind("beds in words", _SCHEMA, _metrics("capacity_update", new_beds="many")),
        BadKind("areas not a list", _SCHEMA, _metrics("inspection_update", areas_assessed="safe")),
        BadKind("a flag as text", _SCHEMA, _metrics("rating_change", enforcement_action="perhaps")),
        BadKind("a number beyond 64 bits", _SCHEMA, _metrics("dashboard_interaction", page_views=1e30)),
        BadKind("metrics nested 300 deep", _SCHEMA, _deep),
        BadKind("timestamp in words", _TIME, _set(timestamp="yesterday at noon")),
        BadKind("timestamp not in the calendar", _TIME, _set(timestamp="2026-02-30T10:00:00Z")),
        BadKind("timestamp without an offset", _TIME, _without_offset),
        BadKind("timestamp a day ahead", ErrorType.TIMESTAMP_OUT_OF_RANGE, _ahead),
    )
}
"""Name to kind, in the order in which a sample takes them."""

TOO_LARGE = BadKind(
    "300 KB of metrics", ErrorType.PAYLOAD_TOO_LARGE, _metrics("staff_survey", value_1="x" * 300_000)
)
"""Kept apart: a sample has at most one, or it would consist of little else."""
