"""Keeps bqemulator's description of a table true after `ALTER TABLE`, which as released it overlooks."""

import sqlglot
from bqemulator.api.dependencies import AppContext
from bqemulator.catalog import ddl_sync
from bqemulator.catalog.models import TableSchema
from bqemulator.storage.sql_identifiers import quoted_table_ref
from sqlglot import exp

_sync_dropped = ddl_sync.sync_dropped_object


def sync(sql: str, project: str, context: AppContext) -> None:
    """Called after every statement, in place of bqemulator's sync of dropped tables, which it includes."""
    _sync_dropped(sql, project, context)
    if "ALTER" not in sql.upper():  # parsing costs milliseconds
        return
    try:
        statement = sqlglot.parse_one(sql, read="bigquery")
    except sqlglot.errors.ParseError:  # one of bqemulator's own forms: no ALTER TABLE
        return
    if isinstance(statement, exp.Alter) and isinstance(statement.this, exp.Table):
        _describe_again(ddl_sync._split_target(statement.this, project), context)


def _describe_again(table: tuple[str, str, str], context: AppContext) -> None:
    """The columns that DuckDB has; those that were there before keep their type, mode and description."""
    described = context.catalog.get_table(*table)
    if described is None:
        return
    known = {field.name: field for field in described.schema_.fields}
    stored = ddl_sync._introspect_schema(*table, context).fields
    rows = context.engine.execute(f"PRAGMA table_info({quoted_table_ref(*table)})").fetchall()
    json = {name for _, name, kind, *_ in rows if kind == "JSON"}  # text, to the introspection
    fields = (field.model_copy(update={"type": "JSON"}) if field.name in json else field for field in stored)
    schema = TableSchema(fields=tuple(known.get(field.name, field) for field in fields))
    context.catalog.update_table(described.model_copy(update={"schema_": schema}))
