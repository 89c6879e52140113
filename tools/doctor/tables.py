"""Checks that tables and views match shared/tables/columns.py and terraform/views."""

from collections.abc import Iterator

from shared.tables.columns import TABLES, Table
from tools.doctor.findings import Finding, judged, ok, wrong
from tools.pipeline.warehouse import Stored, Warehouse, WarehouseError, view_definitions

_LEGACY = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
"""BigQuery's API answers with its older type names."""


def check_tables(warehouse: Warehouse, fix: str) -> Iterator[Finding]:
    """One finding per table."""
    for table in TABLES:
        check = f"table {table.name}"
        stored = warehouse.describe(table.name)
        if stored is None:
            yield wrong(check, "it does not exist: the function that writes it answers 503", fix)
            continue
        fine = f"{len(table.columns)} columns, as in the code"
        yield judged(check, complaints(table, stored), fine, fix)


def complaints(table: Table, stored: Stored) -> Iterator[str]:
    """How the stored table differs; an extra column in BigQuery is somebody else's and does no harm."""
    columns = {name: (_LEGACY.get(kind, kind), mode) for name, (kind, mode) in stored.columns.items()}
    for column in table.columns:
        if column.name not in columns:
            yield f"column {column.name} is missing"
        elif columns[column.name] != (column.type, column.mode):
            kind, mode = columns[column.name]
            yield f"column {column.name} is {kind} {mode}, not {column.type} {column.mode}"


def check_views(warehouse: Warehouse, project: str, dataset: str, fix: str, probe: bool) -> Iterator[Finding]:
    """One finding per view; `probe` also queries it, which in the cloud could cost a scan."""
    for name, sql in sorted(view_definitions(project, dataset).items()):
        check = f"view {name}"
        stored = warehouse.describe(name)
        if stored is None:
            yield wrong(check, "it does not exist", fix)
        elif not stored.is_view:
            yield wrong(check, "a table has its name", fix)
        elif stored.sql is not None and _words(stored.sql) != _words(sql):
            yield wrong(check, f"its SQL differs from terraform/views/{name}.sql", fix)
        elif probe:
            yield _probed(warehouse, name, fix)
        else:
            yield ok(check, "as in terraform/views")


def _probed(warehouse: Warehouse, name: str, fix: str) -> Finding:
    """A view breaks when a table below it changes."""
    try:
        warehouse.query(f"SELECT * FROM `{name}` LIMIT 0")
    except WarehouseError as error:
        return wrong(f"view {name}", str(error), fix)
    return ok(f"view {name}", "answers")


def _words(sql: str) -> list[str]:
    """SQL without its layout and comments."""
    lines = (line.partition("--")[0] for line in sql.splitlines())
    return " ".join(lines).replace("`", "").rstrip("; ").split()
