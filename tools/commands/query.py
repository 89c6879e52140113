"""`cqc query`: SQL on the pipeline's BigQuery."""

from typing import TYPE_CHECKING, Annotated

import typer

from tools.commands.options import ChainFile, Dataset, Json, Project, Region, Timeout
from tools.errors import UsageError

if TYPE_CHECKING:
    from tools.pipeline.warehouse import QueryResult, Warehouse

_Sql = Annotated[
    str | None,
    typer.Argument(metavar="SQL|-", help="Tables need no dataset; - reads the SQL from standard input."),
]
_Tables = Annotated[bool, typer.Option("--tables", help="List tables, views and their columns instead.")]
_Columns = Annotated[str | None, typer.Option(metavar="A,B,…", help="Show only these, in this order.")]
_Vertical = Annotated[
    bool, typer.Option("--vertical", help="One line per value; by itself where rows are too wide.")
]
_Csv = Annotated[bool, typer.Option("--csv", help="Print CSV instead of tables.")]


def query(
    sql: _Sql = None,
    tables: _Tables = False,
    columns: _Columns = None,
    vertical: _Vertical = False,
    csv: _Csv = False,
    timeout: Timeout = None,
    chain: ChainFile = None,
    project: Project = None,
    region: Region = None,
    dataset: Dataset = None,
    as_json: Json = False,
) -> None:
    """Query the pipeline's BigQuery."""
    from tools.pipeline.connect import connect_warehouse
    from tools.pipeline.deployment import PipelineOptions, locate
    from tools.pipeline.publishing import STDIN, stdin

    sql = stdin().read().decode(errors="replace") if sql == STDIN else sql
    if tables == bool(sql and sql.strip()):
        raise UsageError("give either SQL, such as 'SELECT * FROM realtime_features LIMIT 5', or --tables")
    if [as_json, csv, vertical].count(True) > 1:
        raise UsageError("--json, --csv and --vertical are three forms of output: give one of them")
    pipeline = locate(PipelineOptions(chain, project, region, dataset))
    warehouse = connect_warehouse(pipeline, timeout)
    result = warehouse.query(sql) if sql else _listing(warehouse)
    if columns is not None:
        result = result.only([name.strip() for name in columns.split(",")])
    _show(result, as_json, csv, vertical)


def _listing(warehouse: "Warehouse") -> "QueryResult":
    from tools.pipeline.warehouse import QueryResult

    rows = [
        (name, "view" if stored.is_view else "table", column, type_, mode)
        for name, stored in warehouse.tables()
        for column, (type_, mode) in stored.columns.items()
    ]
    return QueryResult(("name", "kind", "column", "type", "mode"), rows)


def _show(result: "QueryResult", as_json: bool, csv: bool, vertical: bool) -> None:
    from tools.console import console, csv_lines, fits, print_json, records, table

    people = console()
    if as_json:
        print_json([dict(zip(result.columns, row, strict=True)) for row in result.rows])
        return
    if result.done:
        people.print(result.done)
        return
    if csv:
        lines = csv_lines(result.columns, result.rows)
    elif vertical or not fits(result.columns, result.rows, people.width):
        lines = records(result.columns, result.rows)
    else:
        people.print(table(result.columns, result.rows))
        lines = iter(())
    for line in lines:
        people.out(line)
    if not csv:
        count = len(result.rows)
        people.print(f"{count:,} row{'' if count == 1 else 's'}", style="dim")
