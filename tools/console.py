"""What people see: tables on stdout, progress on stderr; and JSON for machines.

rich is imported when something is shown: it would double the time that `cqc --help` takes.
"""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from io import StringIO
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PIPED_WIDTH = 150
"""Columns where there is no terminal to ask, as in a CI log; COLUMNS overrides it."""

_READABLE = 12
"""Characters of a text column below which a table is harder to read than one line per value."""


def console(stderr: bool = False) -> "Console":
    """The console for people, as wide as the terminal."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:
            raise  # what the write raised: rich would exit with 1

    stream = sys.stderr if stderr else sys.stdout
    if os.environ.get("COLUMNS") == "0":  # what a pseudo-terminal without a size says: rich shows nothing
        del os.environ["COLUMNS"]
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    # No markup: a bracket in an error's text or in SQL is a bracket.
    return Ours(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> "Table":
    """A table of any values, numbers aligned right, ids whole: half an id is none to copy."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    kept = [tuple(row) for row in rows]
    title = title and one_line(title)
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        made.add_column(
            Text(name),
            justify="right" if _is_numeric(kept, index) else "left",
            overflow="fold",
            no_wrap=_is_id(name),
        )
    for row in kept:
        made.add_row(*(Text(visible(as_text(value))) for value in row))
    return made


def print_json(value: object) -> None:
    """One line of JSON on stdout."""
    console().out(as_json(value))


@contextmanager
def progress_bar(
    title: str, text: str, wanted: bool, total: int | None = None, **fields: Any
) -> Iterator[Callable[..., None]]:
    """A bar on a terminal's stderr, nothing elsewhere.

    `text` is rich's template over the task and its `fields`. Yields a function that takes the keywords of
    rich's Progress.update.
    """
    if not wanted or not sys.stderr.isatty():
        yield lambda **_: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(title), BarColumn(), TextColumn(text), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        yield partial(bar.update, bar.add_task(title, total=total, **fields))


def as_text(value: object) -> str:
    """One cell: times in UTC to the millisecond, lists joined, None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list | tuple):
        return ", ".join(as_text(item) for item in value)
    if isinstance(value, Mapping):
        return as_json(value)
    return str(value)


def _number(value: float) -> str:
    """To the thousandth; those that would lose their digits or fill the screen, to six digits."""
    if value == 0:
        return "0"
    if 0.1 <= abs(value) < 1e15:
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{value:.6g}"


def one_line(text: str) -> str:
    """Text from outside in one line: a control character, which might steer the terminal, is escaped."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def visible(text: str) -> str:
    """Text from outside in its own lines; all else as in one_line."""
    return "\n".join(map(one_line, text.split("\n")))


def as_json(value: object) -> str:
    """One line of JSON; times in ISO 8601, bytes as text, exact decimals and NaN as text, as BigQuery's."""
    try:
        text = json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False)
    except ValueError:  # JSON has no NaN and no infinities
        text = json.dumps(_finite(value), default=_plain, ensure_ascii=False)
    return encodable(text)


def encodable(text: str) -> str:
    """The same JSON in UTF-8, which can't hold half a surrogate pair, as a producer may send it: escaped."""
    return text.encode(errors="backslashreplace").decode()


def _finite(value: object) -> object:
    """The same with "NaN", "Infinity" and "-Infinity" as text."""
    if isinstance(value, float) and not isfinite(value):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def _is_id(column: str) -> bool:
    return column == "id" or column.endswith("_id")


def _longest(rows: Sequence[Sequence[object]], index: int) -> int:
    return max((len(visible(as_text(row[index]))) for row in rows), default=0)


def fits(columns: Sequence[str], rows: Sequence[Sequence[object]], width: int) -> bool:
    """Whether a table of these is readable in that many characters: names and ids whole, text in some."""
    least = (
        max(len(name), _longest(rows, index) if _is_id(name) else min(_longest(rows, index), _READABLE))
        for index, name in enumerate(columns)
    )
    return sum(least) + 3 * len(columns) <= width


def records(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The vertical form for wide rows: a line per value, below a line per row."""
    width = max(map(len, columns), default=0)
    for number, row in enumerate(rows, start=1):
        yield f"─[ row {number} ]─"
        for name, value in zip(columns, row, strict=True):
            yield f"{name:<{width}}  {visible(as_text(value))}"


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A header and a line per row, as RFC 4180 writes them; NULL is empty, arrays and JSON are JSON."""
    written = StringIO()
    writer = csv.writer(written)
    for row in (columns, *rows):
        writer.writerow([_csv_cell(value) for value in row])
        yield written.getvalue().removesuffix("\r\n")
        written.seek(0)
        written.truncate()


def _csv_cell(value: object) -> object:
    if isinstance(value, datetime | date | bytes):
        return _plain(value)
    return as_json(value) if isinstance(value, list | tuple | Mapping) else value


def _is_numeric(rows: Sequence[Sequence[object]], index: int) -> bool:
    values = [row[index] for row in rows if row[index] is not None]
    return bool(values) and all(
        isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in values
    )
