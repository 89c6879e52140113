"""`cqc query`: SQL on the chain's BigQuery; tables of the chain's dataset need no prefix."""

from pathlib import Path

from tools.console import as_json, console, table
from tools.pipeline import address
from tools.pipeline.connect import connect_warehouse


def run(sql: str, chain_file: Path | None, as_machine: bool) -> None:
    """Shows the result's rows, as a table or as a JSON list of objects."""
    chain = address.find(chain_file)
    result = connect_warehouse(chain).query(sql)
    if as_machine:
        console().out(as_json([dict(zip(result.columns, row, strict=True)) for row in result.rows]))
        return
    console().print(table(result.columns, result.rows))
    count = len(result.rows)
    console().print(f"{count:,} row{'' if count == 1 else 's'}", style="dim")
