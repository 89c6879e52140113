"""`python -m tools.generate.schemas` writes terraform/schemas/*.json from shared/tables/columns.py."""

import json

from shared.tables.columns import TABLES, Table, json_schema
from tools.paths import ROOT

SCHEMAS = ROOT / "terraform" / "schemas"


def schema_text(table: Table) -> str:
    """The content of the table's schema file, one column a line so that a change reads well in a diff."""
    lines = ",\n".join(f"  {json.dumps(column)}" for column in json_schema(table))
    return f"[\n{lines}\n]\n"


def main() -> None:
    SCHEMAS.mkdir(exist_ok=True)
    for table in TABLES:
        (SCHEMAS / f"{table.name}.json").write_text(schema_text(table), encoding="utf-8")


if __name__ == "__main__":
    main()
