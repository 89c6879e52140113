"""`python -m tools.schemas` writes terraform/schemas/*.json from shared/columns.py: run it after a change."""

import json
from pathlib import Path

from shared.columns import TABLES, Table, json_schema

SCHEMAS = Path(__file__).parents[1] / "terraform" / "schemas"


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
