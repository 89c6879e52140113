"""Becomes another program that ends when the process that started it ends: `tether.py PARENT COMMAND…`.

Only Linux can do that (PR_SET_PDEATHSIG). Elsewhere a chain whose `cqc up` is killed hard (SIGKILL)
leaves its parts running; Ctrl-C and SIGTERM end them everywhere. A program of its own and not a
`preexec_fn`, which is unsafe in a process with threads and warned about from Python 3.12 on.
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
        if os.getppid() != parent:  # it ended before the line above
            sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
