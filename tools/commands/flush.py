"""`cqc flush`: calls the aggregate function once, as the scheduler does each minute."""

from collections.abc import Iterator, Mapping

from tools.commands.options import ChainFile, Json


def flush(chain: ChainFile = None, as_json: Json = False) -> None:
    """Call the flush once and show what it did."""
    from tools.console import console, print_json, table
    from tools.pipeline import address, flushing

    summary = flushing.flush(address.find(chain).functions["aggregate"])
    if as_json:
        print_json(summary)
        return
    console().print(table(("flush", ""), _lines(summary)))


def _lines(summary: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """One line per value; those of a group carry its name."""
    for name, value in summary.items():
        words = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _lines(value, f"{words} ")
        elif value != "":
            yield words, value
