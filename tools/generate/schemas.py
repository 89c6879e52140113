"""terraform/schemas/*.json, from shared/tables/columns.py."""

import json

from shared.tables.columns import TABLES, Table, json_schema
from tools.generate.output import Files
from tools.paths import ROOT

SCHEMAS = ROOT / "terraform" / "schemas"


def schema_text(table: Table) -> str:
    """The content of the table's schema file, one column per line so that a change reads well in a diff."""
    lines = ",\n".join(f"  {json.dumps(column)}" for column in json_schema(table))
    return f"[\n{lines}\n]\n"


def files() -> Files:
    return {SCHEMAS / f"{table.name}.json": schema_text(table) for table in TABLES}
