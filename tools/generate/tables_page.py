"""The generated part of docs/tables.md: tables and views."""

import json
from datetime import datetime

from shared.tables.columns import CATEGORY_COLUMNS, REALTIME_FEATURES, TABLES, Column, Table, Value
from tools.generate.event_fields import optional_features
from tools.generate.example_rows import example_rows
from tools.generate.output import Files, markdown_table, with_part
from tools.generate.views import View, views
from tools.paths import ROOT

PAGE = ROOT / "docs" / "tables.md"

_HEAD = ("Column", "Type", "Meaning", "Null when", "Example")
_CATEGORY = {column: name for name, columns in CATEGORY_COLUMNS.items() for column in columns}


def part() -> str:
    return "\n".join([*map(_table, TABLES), *map(_view, views())])


def _table(table: Table) -> str:
    order = ", ".join(f"`{name}`" for name in table.cluster_by)
    return f"""\
### {table.name}

{table.description} Partitioned by the day of `{table.partition_by}`, clustered by {order}.

{_columns(table)}"""


def _columns(table: Table) -> str:
    """The features by category, as most rows are read."""
    example = example_rows()[table.name]
    if table is not REALTIME_FEATURES:
        return markdown_table(_HEAD, (_row(column, example[column.name]) for column in table.columns))
    groups = {"Of every event": [column for column in table.columns if column not in _CATEGORY]}
    groups |= {f"Category `{name}`": list(columns) for name, columns in CATEGORY_COLUMNS.items()}
    return "\n".join(
        f"{title}:\n\n{markdown_table(_HEAD, (_row(column, example[column.name]) for column in columns))}"
        for title, columns in groups.items()
    )


def _view(view: View) -> str:
    columns = (
        markdown_table(_HEAD, (_row(column, value) for column, value in view.columns.items()))
        if view.columns
        else f"Its columns are those of [`{view.source}`](#{view.source}).\n"
    )
    return f"### {view.name}\n\nView of `{view.source}`. {view.purpose}\n\n{columns}"


def _row(column: Column, example: Value) -> tuple[str, ...]:
    kind = f"ARRAY<{column.type}>" if column.mode == "REPEATED" else column.type
    return (f"`{column.name}`", kind, column.description, _null(column), f"`{_text(example)}`")


def _null(column: Column) -> str:
    if column.mode == "REPEATED":
        return "never; `[]` instead"
    reasons = (
        "the event has another category" if column in _CATEGORY else "",
        column.null_when or optional_features().get(column.name, ""),
    )
    return ", or ".join(filter(None, reasons)) or "never"


def _text(value: Value) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bytes):
        return value.decode()
    return value if isinstance(value, str) else json.dumps(value)


def files() -> Files:
    return {PAGE: with_part(PAGE, part())}
