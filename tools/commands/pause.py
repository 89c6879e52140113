"""`cqc pause`: a part of the chain on this machine hangs, as in an outage."""

import shlex
import time
from typing import Annotated

import typer

from tools.commands.options import ChainFile, Part
from tools.times import LONGEST


def pause(
    part: Part,
    chain: ChainFile = None,
    seconds: Annotated[
        float | None,
        typer.Option("--for", min=0.1, max=LONGEST, metavar="SECONDS", help="Resume it after so long."),
    ] = None,
) -> None:
    """Have a part of the chain on this machine hang: it takes connections and answers nothing."""
    import signal

    from tools.console import console
    from tools.errors import CommandError
    from tools.local.control import send
    from tools.local.signals import stop_on_signals
    from tools.pipeline.deployment import PipelineOptions

    if seconds is None:
        pid = send(chain, part, signal.SIGSTOP)
        resume = shlex.join(["cqc", "resume", part, *PipelineOptions(chain).words()])
        console().print(f"{part} (process {pid}) is paused until `{resume}`.", soft_wrap=True)
        return
    with stop_on_signals():  # SIGTERM must not leave it paused for good
        pid = send(chain, part, signal.SIGSTOP)
        try:
            console().print(f"{part} (process {pid}) is paused for {seconds:g} s.")
            time.sleep(seconds)
        except KeyboardInterrupt:
            raise CommandError(f"interrupted: {part} goes on") from None
        finally:
            send(chain, part, signal.SIGCONT)
    console().print(f"{part} goes on.")
