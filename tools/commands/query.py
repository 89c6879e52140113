"""`cqc query`: SQL on the chain's BigQuery."""

from typing import Annotated

import typer

from tools.commands.options import ChainFile, Json


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="Tables of the chain's dataset need no prefix.")],
    chain: ChainFile = None,
    as_json: Json = False,
) -> None:
    """Query the chain's BigQuery."""
    from tools.console import console, print_json, table
    from tools.pipeline import address
    from tools.pipeline.connect import connect_warehouse

    result = connect_warehouse(address.find(chain)).query(sql)
    if as_json:
        print_json([dict(zip(result.columns, row, strict=True)) for row in result.rows])
        return
    console().print(table(result.columns, result.rows))
    count = len(result.rows)
    console().print(f"{count:,} row{'' if count == 1 else 's'}", style="dim")
