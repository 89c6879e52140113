"""docs/schemas/events/*.json: what producers send, by type.

They come from the models of shared/events.py, which describe what `parse` publishes, and add what it accepts
beyond that: numbers as text, a time with an offset, no event_id. docs/events.md#json-schema lists what they
cannot say.
"""

import json
from collections.abc import Mapping
from typing import Any

from shared.events import METRICS, GenericEvent
from tools.generate.event_fields import DESCRIPTIONS, TYPES, Metric, metrics_of
from tools.generate.output import Files
from tools.paths import ROOT

FOLDER = ROOT / "docs" / "schemas" / "events"
GENERIC_FILE = "generic"

Schema = dict[str, Any]
"""JSON Schema is JSON: its members have no common type."""

_TEXT_OF = {
    "integer": r"^[+-]?[0-9]+(\.0+)?$",
    "number": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$",
}
_DATE = r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
_OFFSET = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_BOUNDS = {"ge": "minimum", "le": "maximum"}
"""Pydantic keeps its own names for these two behind a BeforeValidator."""


def event_schema(event_type: str | None) -> Schema:
    """The schema of one event type, or with None of any type that is not named."""
    base = GenericEvent.model_json_schema()["properties"]
    kind: Schema = {"const": event_type} if event_type else _without_title(base["event_type"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event_type or "any other event type",
        "description": "What a producer sends. Unknown fields are allowed, and counted.",
        "type": "object",
        "required": ["location_id", "event_type", "timestamp", "metrics"],
        "properties": {
            "event_id": {
                "description": "The producer's identity of the event; without one it is the message's id.",
                "type": ["string", "null"],
                "maxLength": base["event_id"]["maxLength"],
            },
            "location_id": {
                "description": DESCRIPTIONS["location_id"],
                **_without_title(base["location_id"]),
            },
            "event_type": {"description": DESCRIPTIONS["event_type"], **kind},
            "timestamp": {
                "description": "When the event happened: ISO 8601 with an offset, as RFC 3339 writes it.",
                "type": "string",
                "format": "date-time",
                "pattern": f"^{_DATE}T{_TIME}{_OFFSET}$",
            },
            "metrics": _metrics(event_type) if event_type else {"type": "object"},
        },
    }


def _metrics(event_type: str) -> Schema:
    properties = METRICS[event_type].model_json_schema()["properties"]
    return {
        "type": "object",
        "properties": {
            metric.name: {"description": _purpose(metric), **_accepted(properties[metric.name])}
            for metric in metrics_of(event_type)
        },
    }


def _purpose(metric: Metric) -> str:
    return " ".join(f"{column}: {DESCRIPTIONS[column]}" for column in metric.columns)


def _accepted(field: Schema) -> Schema:
    """The model's alternatives, and for a number also its text."""
    branches = [_branch(branch) for branch in field["anyOf"]]
    texts = [
        {"type": "string", "pattern": _TEXT_OF[branch["type"]]}
        for branch in branches
        if branch["type"] in _TEXT_OF
    ]
    return {"anyOf": [*branches[:-1], *texts, branches[-1]]}


def _branch(branch: Mapping[str, Any]) -> Schema:
    """One alternative; a list of any JSON values says nothing about its items."""
    renamed = {_BOUNDS.get(name, name): value for name, value in branch.items()}
    if "$ref" in renamed.get("items", {}):
        del renamed["items"]
    return renamed


def _without_title(field: Mapping[str, Any]) -> Schema:
    return {name: value for name, value in field.items() if name != "title"}


def files() -> Files:
    named: dict[str, str | None] = {event_type: event_type for event_type in TYPES}
    return {
        FOLDER / f"{name}.json": json.dumps(event_schema(event_type), indent=2, ensure_ascii=False) + "\n"
        for name, event_type in (named | {GENERIC_FILE: None}).items()
    }
