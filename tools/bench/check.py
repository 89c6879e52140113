"""`nox -s bench -- --check`: the budgets of verdict.py, within a minute and a half."""

import sys
import time
from dataclasses import replace

from tools.bench.drivers import Subject
from tools.bench.figures import Report
from tools.bench.functions import Extent, rounds, running
from tools.bench.server import Server
from tools.bench.sinks import Sinks
from tools.bench.subjects import NOOP
from tools.bench.verdict import BUDGETS, LEAST_ROUNDS, Finding, Verdict, judge

EXTENT = Extent(
    functions=tuple(dict.fromkeys(function for function, _ in BUDGETS)),
    at_once=tuple(dict.fromkeys(at_once for _, at_once in BUDGETS)),
    events=800,
    rounds=LEAST_ROUNDS,
    starts=0,
)
PATIENCE = 50.0
"""Seconds after which no further rounds begin: with starts and the last ones it stays under 90."""


async def check() -> list[Finding]:
    """Measures more rounds until every budget holds or time is up: a regression must persist to be one.

    Raises CommandError, LoadFailed, OSError.
    """
    began, sinks = time.monotonic(), Sinks(EXTENT.answers)
    report = Report(EXTENT.events, EXTENT.rounds, EXTENT.answers)
    async with running(EXTENT, sinks, report) as servers:
        await _all(report, sinks, EXTENT, servers)
        found = findings(report)
        while time.monotonic() - began < PATIENCE and _verdicts(found) != {Verdict.HOLDS}:
            await _all(report, sinks, replace(EXTENT, rounds=2), servers)
            found = findings(report)
    return found


async def _all(report: Report, sinks: Sinks, extent: Extent, servers: list[tuple[Subject, Server]]) -> None:
    for at_once in extent.at_once:
        await rounds(report, sinks, extent, at_once, servers, warm_up=300)


def findings(report: Report) -> list[Finding]:
    """One for each budget."""
    return [
        judge(
            function,
            at_once,
            [run.cpu_us_per_event for run in report.of(function, at_once)],
            [run.cpu_us_per_event for run in report.of(NOOP, at_once)],
        )
        for function, at_once in BUDGETS
    ]


def show(found: list[Finding]) -> int:
    """Prints a sentence for each; returns the exit code."""
    for finding in found:
        sys.stdout.write(f"{finding}\n")
    return int(Verdict.REGRESSED in _verdicts(found))


def _verdicts(found: list[Finding]) -> set[Verdict]:
    return {finding.verdict for finding in found}
