"""Loads a chain of its own, and shows that nothing is lost; figures and a chart go to build/load/.

Exit codes: 0 nothing was lost, 1 something was lost, counted twice or otherwise wrong, 2 it could not run.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from tools.console import console, print_json
from tools.errors import CommandError
from tools.load import report
from tools.load.chart import draw
from tools.load.plan import Outage, Plan
from tools.load.reconciliation import findings
from tools.load.running import run
from tools.local.signals import stop_on_signals
from tools.paths import ROOT
from tools.pipeline.address import DRIVERS, STATE_FOLDER, Driver

FOLDER = ROOT / "build" / "load"


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = parser().parse_args(arguments)
    errors = console(stderr=True)
    people = errors if options.json else console()
    try:
        with stop_on_signals():
            result = run(plan_of(options), Path.cwd() / STATE_FOLDER / "load", errors.print)
    except CommandError as error:
        errors.print(f"load: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = report.document(result)
    (FOLDER / "load.json").write_text(json.dumps(found, indent=2) + "\n")
    draw(result, FOLDER / "load.png")
    report.show(result, people)
    people.print(f"The figures and the chart are in {FOLDER.relative_to(ROOT)}/.")
    if options.json:
        print_json(found)
    return int(any(findings(result.outcome)))


def plan_of(options: argparse.Namespace) -> Plan:
    """The run that these options ask for."""
    outage = options.outage and Outage(options.outage, options.outage_seconds, options.killed)
    return Plan(
        rate=options.rate,
        seconds=options.minutes * 60,
        burst_factor=options.burst_factor if options.burst else None,
        burst_seconds=options.burst_seconds,
        outage=outage,
        locations=options.locations,
        flush_every=options.flush_every,
        driver=Driver(options.driver),
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="nox -s load --", description=__doc__)
    add = made.add_argument
    add("--rate", type=positive, default=100.0, metavar="R", help="events a second (default: %(default)g)")
    add("--minutes", type=positive, default=3.0, metavar="M", help="of load (default: %(default)g)")
    add("--locations", type=whole, default=200, metavar="N", help="homes (default: %(default)s)")
    add("--driver", choices=DRIVERS, default=DRIVERS[0], help="how messages come (default: %(default)s)")
    add("--flush-every", type=positive, default=60.0, metavar="S", help="seconds (default: %(default)g)")
    either = made.add_mutually_exclusive_group()
    either.add_argument("--burst", action="store_true", help="in the middle, ten times the rate for a minute")
    either.add_argument("--outage", metavar="PART", help="stop bigquery, firestore, feature-store, pubsub, …")
    add("--burst-factor", type=positive, default=10.0, metavar="X", help="times the rate")
    add("--burst-seconds", type=positive, default=60.0, metavar="S", help="(default: %(default)g)")
    add("--outage-seconds", type=positive, default=60.0, metavar="S", help="(default: %(default)g)")
    add("--killed", action="store_true", help="the part of --outage is killed; else it freezes")
    add("--json", action="store_true", help="the figures as one line of JSON; tables go to stderr")
    return made


def positive(text: str) -> float:
    """A finite number above 0; raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not isfinite(number) or number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def whole(text: str) -> int:
    """A number from 1 to 100,000; raises ArgumentTypeError."""
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 100000")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
