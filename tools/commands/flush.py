"""`cqc flush`: calls the aggregate function once, as the scheduler does each minute."""

from pathlib import Path

from tools import address
from tools.console import as_json, console, table
from tools.flushing import flush


def run(chain_file: Path | None, as_machine: bool) -> None:
    """Shows the function's summary."""
    url = address.find(chain_file).functions["aggregate"]
    summary = flush(url)
    if as_machine:
        console().out(as_json(summary))
        return
    console().print(table(("flush", "value"), summary.items()))
