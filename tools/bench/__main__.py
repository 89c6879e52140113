"""Runs the benchmark: tables on stdout, the same figures as JSON in build/bench.json."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import uvloop

from tools.bench import flush
from tools.bench.chart import draw_all
from tools.bench.check import check, show
from tools.bench.functions import Extent, run
from tools.bench.load import LoadFailed
from tools.bench.record import record
from tools.cost.measurements import FILE
from tools.errors import CommandError
from tools.paths import ROOT
from tools.proxies import keep_loopback_direct

RESULT = ROOT / "build" / "bench.json"
_DEFAULT = Extent()


def main() -> None:
    """The command line."""
    keep_loopback_direct()
    options = _parser().parse_args()
    try:
        if options.subject[:1] == ["flush"]:
            flush.main(options.subject[1:])
            return
        if options.check:
            sys.exit(show(uvloop.run(check())))
        if options.charts:
            draw_all()
            return
        if options.record:
            _record()
            return
        report = uvloop.run(run(_extent(options)))
    except (CommandError, LoadFailed, OSError) as error:
        sys.stderr.write(f"bench: {error}\n")
        sys.exit(2)  # 1 is a regression
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(report.to_dict(), indent=2) + "\n")
    report.show()
    sys.stdout.write(f"The same as JSON: {RESULT.relative_to(ROOT)}\n")


def _record() -> None:
    """The measurements, and the charts and pages that show them."""
    FILE.write_text(uvloop.run(record()).to_json(), encoding="utf-8")
    sys.stdout.write(f"wrote {FILE.relative_to(ROOT)}\n")
    draw_all()
    subprocess.run([sys.executable, "-m", "tools.generate"], cwd=ROOT, check=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    add = parser.add_argument
    add(
        "subject",
        nargs="*",
        metavar="parse|features|deadletter | flush [SCENARIO]",
        help=f"some functions only; or the flush, all or some of {', '.join(flush.SCENARIOS)}",
    )
    add("--events", type=int, default=_DEFAULT.events, help="of one round (default: %(default)s)")
    add("--rounds", type=int, default=_DEFAULT.rounds, help="for each load (default: %(default)s)")
    add(
        "--at-once",
        type=int,
        action="append",
        metavar="N",
        help=f"concurrent requests, repeatable (default: {', '.join(map(str, _DEFAULT.at_once))})",
    )
    add("--starts", type=int, default=_DEFAULT.starts, help="of each function (default: %(default)s)")
    add(
        "--answer-ms",
        type=float,
        nargs=2,
        metavar=("FASTEST", "SLOWEST"),
        default=[1e3 * seconds for seconds in _DEFAULT.answers],
        help="how long the sinks take; where a busy machine makes all else slow, they should be, too",
    )
    add("--check", action="store_true", help="hold CPU an event to its budgets; exit code 1 for a regression")
    add("--record", action="store_true", help=f"measure what {FILE.relative_to(ROOT)} has, and write it")
    add("--charts", action="store_true", help="draw those of docs again, from the last recording")
    add(
        "--against",
        type=Path,
        metavar="CHECKOUT",
        help="a checkout of another commit (git worktree add): its functions take turns with these",
    )
    return parser


def _extent(options: argparse.Namespace) -> Extent:
    functions = tuple(options.subject) or _DEFAULT.functions
    if unknown := set(functions) - set(_DEFAULT.functions):
        known = ", ".join(_DEFAULT.functions)
        raise CommandError(f"no such function: {', '.join(unknown)}; choose {known} or flush")
    against = options.against and options.against.resolve()
    if against and not (against / "functions").is_dir():
        raise CommandError(f"{against} is no checkout of this repository: it has no folder functions")
    return Extent(
        functions=functions,
        at_once=tuple(options.at_once or _DEFAULT.at_once),
        events=options.events,
        rounds=options.rounds,
        starts=options.starts,
        answers=(options.answer_ms[0] / 1e3, options.answer_ms[1] / 1e3),
        against=against,
    )


if __name__ == "__main__":
    main()
