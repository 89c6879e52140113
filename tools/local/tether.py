"""Becomes another program that ends when the process that started it ends: `tether.py PARENT COMMAND…`.

Only Linux can do that (PR_SET_PDEATHSIG), and not for a part that is paused. What outlives a `cqc up` that
gets SIGKILL, the next one ends (leftovers.py); Ctrl-C, SIGTERM and SIGHUP stop all parts everywhere.

This is a separate program because a `preexec_fn` is unsafe in a process with threads, and deprecated from
Python 3.12 on.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Never returns: this process becomes the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before prctl
            sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
