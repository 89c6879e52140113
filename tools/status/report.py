"""What `cqc status` prints, once or again and again."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console

from tools.console import console, print_json, table
from tools.errors import CommandError
from tools.health.collect import collect
from tools.health.facts import Facts
from tools.pipeline.address import ChainAddress
from tools.pipeline.deployment import Pipeline
from tools.pipeline.side_by_side import Missing
from tools.status.document import document
from tools.status.screen import FUNCTION_COLUMNS, SUBSCRIPTION_COLUMNS, Screen, screen

EVERY_LOCAL = 2.0
EVERY_DEPLOYED = 30.0
"""Seconds between two looks: Monitoring has a new sample each minute, and BigQuery bills each query."""
CLEAR = "\x1b[H\x1b[2J"
"""Erases a terminal and goes to its top."""


def show(pipeline: Pipeline, as_machine: bool) -> None:
    """The status now; raises CommandError when nothing of the pipeline answers."""
    facts = collect(pipeline, datetime.now(UTC))
    reason = silence(facts)
    if reason:
        raise CommandError(f"nothing of {_name(pipeline)} answers: {reason}")
    _print(facts, pipeline, as_machine)


def silence(facts: Facts) -> str:
    """Why nothing is known; empty if anything is."""
    asked = (facts.backlogs, facts.answers, facts.stored, facts.flush)
    silent = [fact.reason for fact in asked if isinstance(fact, Missing)]
    return silent[0] if len(silent) == len(asked) else ""


def watch(pipeline: Pipeline, every: float | None, as_machine: bool) -> None:
    """The status every so many seconds, until Ctrl-C."""
    default = EVERY_LOCAL if isinstance(pipeline, ChainAddress) else EVERY_DEPLOYED

    def draw() -> None:
        facts = collect(pipeline, datetime.now(UTC))
        if sys.stdout.isatty() and not as_machine:
            console().out(CLEAR, end="")
        _print(facts, pipeline, as_machine)
        sys.stdout.flush()

    repeat(draw, every or default, time.sleep)


def repeat(draw: Callable[[], None], every: float, wait: Callable[[float], None]) -> None:
    """Draws and waits until Ctrl-C, which is how a watch ends."""
    try:
        while True:
            draw()
            wait(every)
    except KeyboardInterrupt:
        return


def _print(facts: Facts, pipeline: Pipeline, as_machine: bool) -> None:
    name = _name(pipeline)
    if as_machine:
        print_json(document(facts, name))
    else:
        _show(console(), screen(facts, name))


def _name(pipeline: Pipeline) -> str:
    return f"{pipeline.project}.{pipeline.dataset}"


def _show(people: Console, shown: Screen) -> None:
    people.print(shown.heading)
    people.print(table(FUNCTION_COLUMNS, shown.functions))
    people.print(table(SUBSCRIPTION_COLUMNS, shown.subscriptions))
    people.print(table(("what", ""), shown.lines))
    for reason in shown.reasons:
        people.print(f"– {reason}")
