"""`python -m tests.simulation`: random histories of `features` and the flush on virtual time.

The first that breaks a law is made smaller, and printed with the laws that it breaks and its seed.
Exit code 0: all hold; 1: one does not; 2: wrong arguments.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from tests.simulation.shrinking import explain, problems
from tests.support.arguments import seed_of


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = _options(arguments)
    began = time.process_time()
    for seed in range(options.seed, options.seed + options.count):
        if found := problems(seed):
            sys.stdout.write(explain(seed, found) + "\n")
            return 1
    hold = "1 history holds" if options.count == 1 else f"{options.count} histories hold"
    sys.stdout.write(f"{hold}, {time.process_time() - began:.1f} s of CPU\n")
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("seed", type=seed_of, metavar="SEED", help="of the first history, such as 17")
    parser.add_argument(
        "count",
        type=_count,
        metavar="COUNT",
        nargs="?",
        default=1,
        help="how many from there on; 1 by default",
    )
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no number of histories, such as 5000")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
