"""`python -m tests.mutants`: plants each deliberate breakage in a copy of the tree; some test must see it.

First the tests run unbroken. Exit code 0: every breakage is seen; 1: one is not; 2: the tests fail unbroken.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.mutants.catalog import Mutant, load
from tests.mutants.trial import (
    Result,
    Verdict,
    run_tests,
    scratch_copy,
    stop_all,
    try_out,
)
from tools.console import console, table
from tools.terraform import offline

say = console()
AT_ONCE = 2
PARTS = 10
MANY_SECONDS = 1_800
"""For all tests that mutants name, unbroken: half an hour is out of all proportion."""


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    chosen = choose(load(), _options(arguments))
    if not chosen:
        say.print("No breakage fits: --only takes a part of its name or its file.")
        return 2
    with scratch_copy() as tree:
        if not _passes_unbroken(tree, chosen):
            return 2
        results = _try_all(chosen, tree)
    _print(results)
    return int(any(result.verdict is not Verdict.KILLED for result in results))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s mutants --", description=__doc__)
    parser.add_argument("--only", metavar="PATTERN", help="those whose name or file has this in it")
    tenth = "every tenth but those of Terraform, from the Nth on; N may be any number that goes up"
    parser.add_argument("--tenth", metavar="N", type=int, help=tenth)
    return parser.parse_args(arguments)


def choose(mutants: Sequence[Mutant], options: argparse.Namespace) -> list[Mutant]:
    """Those that the options ask for and this machine can try."""
    only: str | None = options.only
    found = [mutant for mutant in mutants if not only or only in mutant.name or only in mutant.file]
    if options.tenth is not None:
        return [mutant for mutant in found if not mutant.needs_terraform][options.tenth % PARTS :: PARTS]
    of_terraform = [mutant for mutant in found if mutant.needs_terraform]
    if of_terraform and (shutil.which("terraform") is None or offline() is None):
        missing = "terraform or TERRAFORM_OFFLINE is missing"
        say.print(f"NOT CHECKED: {_breakages(len(of_terraform))} of terraform/, for {missing}")
        return [mutant for mutant in found if not mutant.needs_terraform]
    return found


def _passes_unbroken(tree: Path, mutants: Sequence[Mutant]) -> bool:
    tests = dict.fromkeys(test for mutant in mutants for test in mutant.tests)
    files = {test for test in tests if "::" not in test}
    wanted = [test for test in tests if test in files or test.partition("::")[0] not in files]
    ran = run_tests(tree, wanted, seconds=MANY_SECONDS)
    if ran.code == 0:
        say.print(f"The tests of {_breakages(len(mutants))} pass unbroken, in {ran.seconds:.0f} s.")
        return True
    say.print(ran.output)
    say.print("The tests fail without any breakage, so nothing was tried: fix them first.")
    return False


def _try_all(mutants: Sequence[Mutant], tree: Path) -> list[Result]:
    pool = ThreadPoolExecutor(AT_ONCE)
    trials = [pool.submit(try_out, mutant, tree) for mutant in mutants]
    try:
        for trial in as_completed(trials):
            result = trial.result()
            mark = "." if result.verdict is Verdict.KILLED else f"\n{result.verdict}: {result.mutant.name}\n"
            say.print(mark, end="")
        say.print()
        return [trial.result() for trial in trials]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        stop_all()


def _breakages(number: int) -> str:
    return f"{number} breakage{'' if number == 1 else 's'}"


def _print(results: Sequence[Result]) -> None:
    rows = [
        (result.mutant.name, result.verdict.value, result.detail, f"{result.seconds:.1f}")
        for result in results
    ]
    say.print(table(("breakage", "verdict", "by", "seconds"), rows))
    alive = [result for result in results if result.verdict is not Verdict.KILLED]
    say.print(f"{_breakages(len(results))}, {len(results) - len(alive)} killed.")
    for result in alive:
        what = f"{result.verdict}: {result.mutant.name} ({result.mutant.file}): {result.detail}"
        say.print(what)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
