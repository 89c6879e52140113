"""`cqc query`: SQL on the pipeline's BigQuery."""

from typing import Annotated

import typer

from tools.commands.options import ChainFile, Dataset, Json, Project, Region
from tools.errors import UsageError


def query(
    sql: Annotated[
        str, typer.Argument(metavar="SQL", help="Tables of the pipeline's dataset need no prefix.")
    ],
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Query the pipeline's BigQuery."""
    from tools.console import console, print_json, table
    from tools.pipeline.connect import connect_warehouse
    from tools.pipeline.deployment import PipelineOptions, locate

    if not sql.strip():
        raise UsageError("the SQL is empty: write a query, such as 'SELECT * FROM realtime_features LIMIT 5'")
    result = connect_warehouse(locate(PipelineOptions(chain, project, region, dataset))).query(sql)
    if as_json:
        print_json([dict(zip(result.columns, row, strict=True)) for row in result.rows])
        return
    console().print(table(result.columns, result.rows))
    count = len(result.rows)
    console().print(f"{count:,} row{'' if count == 1 else 's'}", style="dim")
