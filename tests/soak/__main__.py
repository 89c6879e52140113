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
from collections.abc import Sequence
from itertools import count

from tests.soak.soaking import STARTING, Verdict, soak
from tools.console import console, table
from tools.faults.drawing import draw
from tools.paths import ROOT
from tools.pipeline.address import DRIVERS, Driver

KEPT = ROOT / "build" / "soak"
say = console()


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = _options(arguments)
    logging.disable(logging.CRITICAL)
    total: Counter[str] = Counter()
    failed: list[int] = []
    starting = STARTING
    until = time.monotonic() + 60 * options.minutes
    for seed in count(options.seed):
        verdict = soak(draw(seed), KEPT / str(seed), starting=starting, driver=Driver(options.driver))
        starting = verdict.starting  # as long as the last
        _print(verdict)
        for (kind, _), number in verdict.injected.items():
            total[kind] += number
        if verdict.broken:
            failed.append(seed)
        else:
            shutil.rmtree(KEPT / str(seed))
        if options.only or time.monotonic() >= until:
            break
    say.print(table(("fault", "injected"), sorted(total.items())))
    plans = seed - options.seed + 1
    say.print(f"{plans} plan{'' if plans == 1 else 's'}, {sum(total.values())} faults, {len(failed)} failed.")
    for seed in failed:
        say.print(f"again: python -m nox -s soak -- --driver {options.driver} --only {seed}")
    return int(bool(failed))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s soak --", description=__doc__)
    parser.add_argument("--minutes", type=_minutes, default=10.0, help="for how long, 10 by default")
    parser.add_argument("--seed", type=_seed, default=1, help="the first plan's seed, 1 by default")
    parser.add_argument("--only", type=_seed, metavar="SEED", help="this plan and no other")
    parser.add_argument("--driver", choices=DRIVERS, default=DRIVERS[0], help="push by default")
    options = parser.parse_args(arguments)
    if options.only is not None:
        options.seed, options.minutes = options.only, 0
    return options


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1
    if not 0 < minutes <= 24 * 60:
        raise argparse.ArgumentTypeError(f"{text} is no number of minutes, such as 15")
    return minutes


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no seed: a whole number from 0 on, such as 17")
    return int(text)


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
