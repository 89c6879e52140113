"""`cqc pause`: a part of the chain on this machine hangs, as in an outage."""

import time
from typing import Annotated

import typer

from tools.commands.options import ChainFile, Part


def pause(
    part: Part,
    chain: ChainFile = None,
    seconds: Annotated[
        float | None, typer.Option("--for", min=0.1, metavar="SECONDS", help="Resume it after so long.")
    ] = None,
) -> None:
    """Have a part of the chain on this machine hang: it takes connections and answers nothing."""
    import signal

    from tools.console import console
    from tools.local.control import send

    pid = send(chain, part, signal.SIGSTOP)
    if seconds is None:
        console().print(f"{part} (process {pid}) is paused until `cqc resume {part}`.")
        return
    console().print(f"{part} (process {pid}) is paused for {seconds:g} s.")
    try:
        time.sleep(seconds)
    finally:  # after Ctrl-C too
        send(chain, part, signal.SIGCONT)
    console().print(f"{part} goes on.")
