"""`python -m tests.soak`: chains of real processes that misbehave by drawn plans, one after another.

Each seed gives a plan (`cqc up --faults seed:N` runs the same); tests/soak/laws.py has the laws that must
hold once it has healed. Exit code 0: all hold; 1: one does not, and its logs are kept; 2: wrong arguments.
"""

import argparse
import logging
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from tests.soak.shrinking import shrink
from tests.soak.soaking import Verdict, measured_start, soak
from tests.support.arguments import seed_of
from tools.console import console, table
from tools.faults.drawing import draw, plan_of
from tools.faults.plan import Plan
from tools.local.parts import PartsKind
from tools.paths import ROOT
from tools.pipeline.address import DRIVERS, Driver

KEPT = ROOT / "build" / "soak"
say = console()


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = _options(arguments)
    logging.disable(logging.CRITICAL)
    total: Counter[str] = Counter()
    failed: list[Plan] = []
    starting = measured_start()
    began, until = time.monotonic(), time.monotonic() + 60 * options.minutes
    for plan in _plans(options):
        verdict = _lived(plan, options, starting)
        starting = verdict.starting  # the next is like the last
        _print(verdict)
        for (kind, _), number in verdict.injected.items():
            total[kind] += number
        if verdict.broken:
            failed.append(plan)
        else:
            shutil.rmtree(KEPT / str(plan.seed))
        if time.monotonic() >= until:
            break
    _conclude(total, failed)
    for plan in failed:
        smallest = _shrunk(plan, options, starting, began) if options.shrink else plan
        file = KEPT / f"{plan.seed}.json"
        file.write_text(smallest.to_json())
        drivers = f"--driver {options.driver}{' --emulators' if options.emulators else ''}"
        say.print(f"again: python -m nox -s soak -- {drivers} --plan {file.relative_to(ROOT)}")
    return int(bool(failed))


def _plans(options: argparse.Namespace) -> Iterator[Plan]:
    if options.plan is not None:
        yield plan_of(str(options.plan))
        return
    for seed in [options.only] if options.only is not None else count(options.seed):
        yield draw(seed).beside_emulators() if options.emulators else draw(seed)


def _lived(plan: Plan, options: argparse.Namespace, starting: float) -> Verdict:
    parts = PartsKind.EMULATORS if options.emulators else PartsKind.STAND_IN
    return soak(plan, KEPT / str(plan.seed), starting=starting, driver=Driver(options.driver), parts=parts)


def _shrunk(plan: Plan, options: argparse.Namespace, starting: float, began: float) -> Plan:
    """Within as much time again."""
    until = 2 * time.monotonic() - began

    def breaks(smaller: Plan) -> bool:
        verdict = _lived(smaller, options, starting)
        _print(verdict)
        return bool(verdict.broken)

    return shrink(plan, breaks, lambda: time.monotonic() >= until)


def _conclude(total: Counter[str], failed: Sequence[Plan]) -> None:
    say.print(table(("fault", "injected"), sorted(total.items())))
    say.print(f"{sum(total.values())} faults, {len(failed)} plan{'' if len(failed) == 1 else 's'} failed.")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s soak --", description=__doc__)
    parser.add_argument("--minutes", type=_minutes, default=10.0, help="for how long, 10 by default")
    parser.add_argument("--seed", type=seed_of, default=1, help="the first plan's seed, 1 by default")
    parser.add_argument("--only", type=seed_of, metavar="SEED", help="this plan and no other")
    parser.add_argument(
        "--plan", type=Path, metavar="FILE", help="the plan in this file, as a failed one is kept"
    )
    parser.add_argument(
        "--shrink", action="store_true", help="make the plans that failed smaller, for as long again"
    )
    parser.add_argument(
        "--emulators",
        action="store_true",
        help="on Google's emulators for Pub/Sub and Firestore: what happens to processes, to BigQuery and to "
        "the feature store",
    )
    parser.add_argument("--driver", choices=DRIVERS, default=DRIVERS[0], help="push by default")
    options = parser.parse_args(arguments)
    if options.emulators and options.driver == Driver.PULL:
        parser.error(
            "--emulators goes with --driver push: Google's Pub/Sub emulator leases messages, for minutes, to "
            "the streams of processes that were killed"
        )
    return options


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1
    if not 0 < minutes <= 24 * 60:
        raise argparse.ArgumentTypeError(f"{text} is no number of minutes, such as 15")
    return minutes


def _print(verdict: Verdict) -> None:
    """A line if all laws hold, else all that is known."""
    seed, faults = verdict.plan.seed, sum(verdict.injected.values())
    if not verdict.broken:
        say.print(
            f"seed {seed}: holds; {faults} faults of {len({kind for kind, _ in verdict.injected})} kinds, "
            f"whole {verdict.healed_after:.0f} s after the last ({verdict.seconds:.0f} s in all)"
        )
        return
    say.print(f"seed {seed}: BROKEN after {faults} faults; logs and data are in {KEPT / str(seed)}")
    for law in verdict.broken[:20]:
        say.print(f"- {law}")
    if len(verdict.broken) > 20:
        say.print(f"- and {len(verdict.broken) - 20} more")
    for line in verdict.said[-20:]:
        say.print(f"  the chain said: {line}")
    rows = [(kind, part, str(number)) for (kind, part), number in sorted(verdict.injected.items())]
    say.print(table(("fault", "part", "injected"), rows))
    say.print(verdict.plan.to_json())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
