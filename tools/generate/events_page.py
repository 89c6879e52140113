"""The generated part of docs/events.md: the event types.

Each with its metrics and what they become, an event that is accepted, and one that is rejected, with the
text of its dead letter.
"""

import json
from collections.abc import Mapping

from shared.tables.columns import CATEGORY_COLUMNS, Value
from tools.generate.event_examples import EXAMPLES, GENERIC, NOW, Example
from tools.generate.event_fields import DESCRIPTIONS, Metric, metrics_of, row
from tools.generate.event_schemas import GENERIC_FILE, Schema, event_schema
from tools.generate.output import Files, markdown_table, with_part
from tools.paths import ROOT
from tools.validate.checking import Checker, Rejected

PAGE = ROOT / "docs" / "events.md"


def part() -> str:
    return "\n".join(_section(event_type, example) for event_type, example in EXAMPLES.items())


def _section(event_type: str, example: Example) -> str:
    category = str(row(event_type, {})["feature_category"])
    named = event_type != GENERIC
    schema = f"schemas/events/{event_type if named else GENERIC_FILE}.json"
    return f"""\
### {event_type if named else "Any other type"}

Category `{category}`. JSON Schema: [{schema}]({schema}).

{_metrics(event_type) if named else _generic_metrics()}
Accepted:

{_json(example.accepted(event_type))}
{_rejected(example.rejected(event_type))}"""


def _metrics(event_type: str) -> str:
    schema = event_schema(event_type)["properties"]["metrics"]["properties"]
    head = ("Metric", "Type", "Feature column", "When absent or null", "Meaning")
    return markdown_table(head, (_metric(metric, schema[metric.name]) for metric in metrics_of(event_type)))


def _metric(metric: Metric, schema: Schema) -> tuple[str, ...]:
    return (
        f"`{metric.name}`",
        _type(schema["anyOf"][0]),
        "<br>".join(f"`{column}`" for column in metric.columns),
        "<br>".join(_value(value) for value in metric.columns.values()),
        "<br>".join(DESCRIPTIONS[column] for column in metric.columns),
    )


def _type(schema: Schema) -> str:
    """In words; every number may also be sent as text."""
    if schema["type"] == "array":
        return "list of texts" if "items" in schema else "list of anything"
    words = {"string": "text", "boolean": "true or false"}
    return words.get(schema["type"], f"{schema['type']}, also as text")


def _generic_metrics() -> str:
    columns = (column.name for column in CATEGORY_COLUMNS["generic"])
    rows = ((f"`{name}`", DESCRIPTIONS[name]) for name in columns)
    words = "Any JSON object. A value that is text becomes a feature as it is, anything else as its JSON."
    return f"{words}\n\n{markdown_table(('Feature column', 'Meaning'), rows)}"


def _value(value: Value) -> str:
    return "null" if value is None else f"`{json.dumps(value)}`"


def _json(event: Mapping[str, object]) -> str:
    """One member per line: short enough to read, and still one event to copy."""
    members = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in event.items())
    return f"```json\n{{\n{members}\n}}\n```\n"


def _rejected(event: Mapping[str, object]) -> str:
    verdict = Checker().check(json.dumps(event).encode(), NOW)
    assert isinstance(verdict, Rejected), event
    return f"""\
Rejected, `{verdict.error_type.value}`:

{_json(event)}
```
{verdict.message}
```
"""


def files() -> Files:
    return {PAGE: with_part(PAGE, part())}
