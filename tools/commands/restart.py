"""`cqc restart`: a part of the chain on this machine ends in order and starts again."""

from tools.commands.options import ChainFile, Part


def restart(part: Part, chain: ChainFile = None) -> None:
    """Have a part of the chain on this machine finish what it does, and start again."""
    import signal

    from tools.console import console
    from tools.local.control import end

    # A paused part gets the SIGTERM when it goes on.
    done = end(chain, part, signal.SIGTERM, signal.SIGCONT)
    console().print(f"{part} has ended and is back after {done}.")
