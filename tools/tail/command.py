"""`cqc tail`: what becomes of events, as it happens."""

import sys
from datetime import UTC, datetime

from tools import endings
from tools.console import console, print_json
from tools.errors import UsageError
from tools.pipeline.address import ChainAddress
from tools.pipeline.connect import connect_warehouse
from tools.pipeline.deployment import Pipeline
from tools.tail.following import Tail
from tools.tail.looking import Filters, TableLook
from tools.tail.outcomes import Outcome
from tools.times import moment

EVERY_LOCALLY, EVERY_DEPLOYED = 1.0, 10.0
"""Seconds between looks: BigQuery charges each for the columns of the days it reads."""
TIMEOUT = 30.0
"""Seconds for a look; a frozen BigQuery is said after that."""


def run(
    pipeline: Pipeline,
    filters: Filters,
    since: str | None,
    every: float | None,
    timeout: float | None,
    as_machine: bool,
) -> None:
    """Prints a line per event until Ctrl-C, then how many; raises CommandError when BigQuery fails."""
    filters.check()
    now = datetime.now(UTC)
    start = None if since is None else moment("--since", since, now)
    if start and start > now:
        raise UsageError(f"--since {since} is still to come: without it, tail shows what comes from now on")
    pause = every or (EVERY_LOCALLY if isinstance(pipeline, ChainAddress) else EVERY_DEPLOYED)
    people = console(stderr=True)
    tail = Tail(
        look=TableLook(connect_warehouse(pipeline, timeout or TIMEOUT), filters),
        clock=lambda: datetime.now(UTC),
        wait=lambda: endings.wait(pause),
        show=_print_document if as_machine else _print_line,
        warn=lambda sentence: people.print(sentence, style="yellow"),
    )
    if sys.stderr.isatty():
        people.print(f"Waiting for events of {pipeline.project}.{pipeline.dataset}; Ctrl-C ends it.")
    tail.run(start)
    people.print(f"{tail.summary().capitalize()}.")


def _print_document(outcome: Outcome) -> None:
    print_json(outcome.document())


def _print_line(outcome: Outcome) -> None:
    console().out(outcome.line(), style=None if outcome.reason is None else "red")
