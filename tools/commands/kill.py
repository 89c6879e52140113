"""`cqc kill`: a part of the chain on this machine crashes."""

from tools.commands.options import ChainFile, Part


def kill(part: Part, chain: ChainFile = None) -> None:
    """Crash a part of the chain on this machine, and wait until `cqc up` has replaced it."""
    import signal

    from tools.console import console
    from tools.local.control import end

    done = end(chain, part, signal.SIGKILL)
    console().print(f"{part} was killed and is back after {done}.")
