"""`python -m tests.hostile`: hostile inputs through the pure path of the functions.

tests/hostile/law.py has the law that holds for each. The first input that breaks it is made smaller and
printed with the command that runs it again. Exit code 0: all hold; 1: one does not; 2: wrong arguments.
"""

import argparse
import sys
from collections.abc import Sequence

from shared.gc_tuning import freeze_startup_objects
from tests.hostile.inputs import draw
from tests.hostile.law import judge
from tests.hostile.running import Tally, run
from tests.hostile.shrinking import explain

KEPT = 20_000
"""Objects more at the end of a run than near its begin; one kept per input would be 50,000."""


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = _options(arguments)
    if options.only is not None:
        given = draw(options.seed, options.only)
        verdict = judge(given, measure_memory=True)
        cost = f"{verdict.seconds * 1000:.2f} ms, {verdict.memory} bytes of memory"
        say(explain(options.seed, given) if verdict.broken else f"It holds: {verdict.outcome}, {cost}.")
        return int(bool(verdict.broken))
    draw(options.seed, 0)  # makes the good events
    freeze_startup_objects()  # as the functions do when they start
    progress = _progress if options.inputs > 100_000 else None
    tally = run(options.seed, options.inputs, progress, options.first)
    say(_report(tally))
    if tally.failing is not None:
        say(explain(options.seed, tally.failing))
        return 1
    if tally.kept > KEPT:
        say(f"{tally.kept:,} objects are left over, more than {KEPT:,}: something is kept of each input.")
        return 1
    return 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s hostile --", description=__doc__)
    parser.add_argument("--inputs", type=_positive, default=50_000, help="how many, 50,000 by default")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other inputs")
    parser.add_argument("--first", type=int, default=0, help="the first one's number, 0 by default")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="run this input of the seed and no other")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    digits = text.replace(",", "")
    if not digits.isdecimal() or not int(digits):
        raise argparse.ArgumentTypeError(f"{text} is not a number of inputs, such as 50,000")
    return int(digits)


def _progress(tally: Tally) -> None:
    say(f"{tally.inputs:,} inputs hold")


def _report(tally: Tally) -> str:
    rate = tally.inputs / tally.took
    slowest = ", ".join(f"{seconds * 1000:.1f} ms (input {number})" for seconds, number in _slowest(tally))
    memory, body = tally.hungriest
    lines = [f"  {count:>9,}  {outcome}" for outcome, count in tally.outcomes.most_common()]
    return "\n".join(
        (
            f"{tally.inputs:,} inputs in {tally.took:.0f} s, {rate:,.0f} a second; {tally.cpu:.0f} s of CPU",
            *lines,
            f"slowest: {slowest}",
            f"memory: at most {memory:,} bytes, for a body of {body:,}; {tally.measured:,} were measured",
            f"objects left over: {max(0, tally.kept):,}",
        )
    )


def _slowest(tally: Tally) -> list[tuple[float, int]]:
    return sorted(tally.slowest, reverse=True)[:3]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
