"""`cqc flush`: calls the aggregate function once, as the scheduler does each minute."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.console import as_json, console, table
from tools.pipeline import address
from tools.pipeline.flushing import Summary, flush


def run(chain_file: Path | None, as_machine: bool) -> None:
    """Shows the function's summary."""
    url = address.find(chain_file).functions["aggregate"]
    summary = flush(url)
    if as_machine:
        console().out(as_json(summary))
        return
    console().print(table(("flush", ""), _lines(summary)))


def _lines(summary: Summary, prefix: str = "") -> Iterator[tuple[str, object]]:
    """One line a value, those of a group under its name."""
    for name, value in summary.items():
        words = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _lines(value, f"{words} ")
        elif value != "":
            yield words, value
