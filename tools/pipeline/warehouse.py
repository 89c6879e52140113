"""BigQuery's REST API: creating the dataset with its tables and views, and queries.

The only importer of google-cloud-bigquery, which itself finds a local BigQuery by BIGQUERY_EMULATOR_HOST.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from string import Template

import requests
from google.api_core.exceptions import GoogleAPICallError, NotFound, RetryError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY
from google.cloud.bigquery.table import RowIterator

from shared.tables.columns import TABLES, Table, json_schema
from shared.topology import REGION
from tools.errors import CommandError, UsageError
from tools.paths import ROOT

VIEWS = ROOT / "terraform" / "views"
FUNCTION_ARGUMENTS = ("from_time", "to_time")
"""Of every table function, both TIMESTAMP: the span of event time, its end left out."""

_RETRY = DEFAULT_RETRY.with_timeout(5.0)
"""Seconds; the client's default of 10 minutes looks like a hang when nothing listens."""
CALL_TIMEOUT = 10.0
"""Seconds for one call; without it the client waits for ever for a service that accepts and never answers."""
QUERY_TIMEOUT = 120.0
"""Seconds for a query's result, once BigQuery has accepted it."""


Record = Mapping[str, object]
"""Column to value."""


class WarehouseError(CommandError):
    """BigQuery refused the request, or can't be reached."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A query's rows as plain Python values: aware datetimes, lists, and JSON as dicts and lists."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    done: str | None = None
    """What a statement that is no query did, such as `INSERT: 2 rows`."""

    def records(self) -> list[Record]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def only(self, names: Sequence[str]) -> "QueryResult":
        """These columns in this order; raises UsageError for one that is not there."""
        unknown = [name for name in names if name not in self.columns]
        if unknown:
            raise UsageError(
                f"--columns {', '.join(unknown)}: the result's columns are {', '.join(self.columns)}"
            )
        places = [self.columns.index(name) for name in names]
        return QueryResult(names, [[row[place] for place in places] for row in self.rows])


@dataclass(frozen=True, slots=True)
class Stored:
    """A table or view as BigQuery has it."""

    columns: Mapping[str, tuple[str, str]]
    """Name to type and mode, as BigQuery spells them."""
    is_view: bool
    sql: str | None
    """Of a view; the local BigQuery does not return it."""


class Warehouse:
    """One dataset; its client is created by the first call. Every call raises WarehouseError."""

    def __init__(self, project: str, dataset: str, query_timeout: float = QUERY_TIMEOUT) -> None:
        self._query_timeout = query_timeout
        self._project = project
        self._dataset = dataset

    def create(self) -> None:
        """Creates the dataset, tables and columns that don't exist yet, and all views from their files."""
        with self._sentences("creating the tables"):
            dataset = bigquery.Dataset(f"{self._project}.{self._dataset}")
            dataset.location = REGION
            self._client.create_dataset(dataset, exists_ok=True, retry=_RETRY, timeout=CALL_TIMEOUT)
            for table in TABLES:
                self._client.create_table(
                    self._table(table), exists_ok=True, retry=_RETRY, timeout=CALL_TIMEOUT
                )
        for table in TABLES:
            self._add_columns(table)
        for name, sql in view_definitions(self._project, self._dataset).items():
            self.query(f"CREATE OR REPLACE VIEW `{self._project}.{self._dataset}.{name}` AS\n{sql}")
        for name, sql in function_definitions(self._project, self._dataset).items():
            self._create_function(name, sql)

    def _add_columns(self, table: Table) -> None:
        """Those that a release added since the table was created."""
        stored = self.describe(table.name)
        for column in table.columns:
            if stored is not None and column.name not in stored.columns:
                kind = f"ARRAY<{column.type}>" if column.mode == "REPEATED" else column.type
                self.query(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")

    def _create_function(self, name: str, sql: str) -> None:
        instant = bigquery.StandardSqlDataType(type_kind=bigquery.StandardSqlTypeNames.TIMESTAMP)
        function = bigquery.Routine(
            f"{self._project}.{self._dataset}.{name}",
            type_=bigquery.RoutineType.TABLE_VALUED_FUNCTION,
            language="SQL",
            arguments=[bigquery.RoutineArgument(name=each, data_type=instant) for each in FUNCTION_ARGUMENTS],
            body=sql,
        )
        with self._sentences(f"the function {name}"):
            self._client.delete_routine(function, not_found_ok=True, retry=_RETRY)
            self._client.create_routine(function, retry=_RETRY)

    def query(self, sql: str, **parameters: str | datetime) -> QueryResult:
        """The result of GoogleSQL with @name for a parameter; bare table names are this dataset's."""
        with self._sentences("the query"):
            job = self._job(sql, parameters)
            rows = self._rows(job)
            columns = [field.name for field in rows.schema]
            return QueryResult(columns, [row.values() for row in rows], _done(job))

    def stream(self, sql: str, **parameters: str | datetime) -> Iterator[Record]:
        """The same a row at a time, for a result too large to be held at once."""
        with self._sentences("the query"):
            for row in self._rows(self._job(sql, parameters)):
                yield dict(row.items())

    def _job(self, sql: str, parameters: Mapping[str, str | datetime]) -> bigquery.QueryJob:
        config = bigquery.QueryJobConfig(
            default_dataset=f"{self._project}.{self._dataset}",
            query_parameters=[_parameter(name, value) for name, value in parameters.items()],
        )
        # Not query_and_wait: bqemulator's jobs.query ignores the default dataset and hides errors.
        start = min(CALL_TIMEOUT, self._query_timeout)
        return self._client.query(sql, job_config=config, retry=_RETRY, job_retry=None, timeout=start)

    def _rows(self, job: bigquery.QueryJob) -> RowIterator:
        return job.result(retry=_RETRY, timeout=self._query_timeout)

    def tables(self) -> list[tuple[str, Stored]]:
        """The dataset's tables and views with their names, in order."""
        with self._sentences("the list of tables"):
            dataset = f"{self._project}.{self._dataset}"
            listed = self._client.list_tables(dataset, retry=_RETRY, timeout=CALL_TIMEOUT)
            names = sorted(table.table_id for table in listed)
        described = ((name, self.describe(name)) for name in names)
        return [(name, stored) for name, stored in described if stored is not None]

    def describe(self, name: str) -> Stored | None:
        """The table or view of that name; None if there is none."""
        with self._sentences(f"the description of {name}"):
            try:
                found = self._client.get_table(
                    f"{self._project}.{self._dataset}.{name}", retry=_RETRY, timeout=CALL_TIMEOUT
                )
            except NotFound:
                return None
            columns = {field.name: (field.field_type, field.mode) for field in found.schema}
            return Stored(columns, found.table_type == "VIEW", found.view_query)

    @cached_property
    def _client(self) -> bigquery.Client:
        local = "BIGQUERY_EMULATOR_HOST" in os.environ
        return bigquery.Client(
            project=self._project,
            credentials=AnonymousCredentials() if local else None,
        )

    def _table(self, definition: Table) -> bigquery.Table:
        schema = [bigquery.SchemaField.from_api_repr(column) for column in json_schema(definition)]
        table = bigquery.Table(f"{self._project}.{self._dataset}.{definition.name}", schema=schema)
        table.description = definition.description
        table.time_partitioning = bigquery.TimePartitioning(field=definition.partition_by)
        table.clustering_fields = list(definition.cluster_by)
        return table

    @contextmanager
    def _sentences(self, what: str) -> Iterator[None]:
        where = f"in {self._project}.{self._dataset}"
        try:
            yield
        except GoogleAPICallError as error:
            raise WarehouseError(f"BigQuery refused {what} {where}: {_first_line(error)}") from error
        except (RetryError, requests.Timeout, FutureTimeoutError) as error:
            raise WarehouseError(_no_answer(what, where, error)) from error
        except (requests.RequestException, GoogleAuthError) as error:
            raise WarehouseError(f"BigQuery can't be reached for {what} {where}: {error}") from error


def _done(job: bigquery.QueryJob) -> str | None:
    if job.statement_type in (None, "SELECT"):
        return None
    changed = job.num_dml_affected_rows
    what = "done" if changed is None else f"{changed:,} row{'' if changed == 1 else 's'}"
    return f"{job.statement_type.replace('_', ' ')}: {what}"


def _parameter(name: str, value: str | datetime) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, "STRING" if isinstance(value, str) else "TIMESTAMP", value)


def _no_answer(what: str, where: str, error: Exception) -> str:
    cause = error.cause if isinstance(error, RetryError) else error
    if isinstance(cause, requests.Timeout | FutureTimeoutError):
        return (
            f"BigQuery did not answer in time for {what} {where}: it is frozen or overloaded, "
            "or a long query needs a longer --timeout"
        )
    return f"BigQuery gave no answer for {what} {where}: {cause}"


def _first_line(error: GoogleAPICallError) -> str:
    """Just the reason: the full message repeats it with the job's id, over many lines."""
    details = [detail["message"] for detail in error.errors if "message" in detail]
    return str((details or [error.message])[0]).split("\n")[0]


def view_definitions(project: str, dataset: str) -> Mapping[str, str]:
    """View name to GoogleSQL, each after the views it reads; its `${variables}` filled in."""
    templates = _templates(VIEWS)
    order = TopologicalSorter({name: references(sql) & templates.keys() for name, sql in templates.items()})
    return {name: _filled(templates[name], project, dataset) for name in order.static_order()}


def function_definitions(project: str, dataset: str) -> Mapping[str, str]:
    """Table function name to its body in GoogleSQL, which takes FUNCTION_ARGUMENTS."""
    templates = _templates(VIEWS / "functions")
    return {name: _filled(sql, project, dataset) for name, sql in templates.items()}


def _templates(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.sql")}


def _filled(template: str, project: str, dataset: str) -> str:
    return Template(template).substitute(_templates(VIEWS / "parts"), project=project, dataset=dataset)


def references(sql: str) -> set[str]:
    """The tables and views that a view's template reads."""
    return set(re.findall(r"`\$\{project\}\.\$\{dataset\}\.(\w+)`", sql))
