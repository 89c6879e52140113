"""Histories by hand: `python -m tests.simulation SEED [COUNT]` runs COUNT histories from SEED on.

The first that breaks a law is made smaller, and printed with the laws that it breaks.
"""

import sys
import time

from tests.simulation.shrinking import explain, problems


def main(first: int, count: int = 1) -> int:
    began = time.process_time()
    for seed in range(first, first + count):
        if found := problems(seed):
            sys.stdout.write(explain(seed, found) + "\n")
            return 1
    sys.stdout.write(f"{count} histories hold, {time.process_time() - began:.1f} s of CPU\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
