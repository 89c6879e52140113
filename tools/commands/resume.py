"""`cqc resume`: a paused part of the chain on this machine goes on."""

from tools.commands.options import ChainFile, Part


def resume(part: Part, chain: ChainFile = None) -> None:
    """Have a paused part of the chain on this machine go on where it was."""
    import signal

    from tools.console import console
    from tools.local.control import send

    pid = send(chain, part, signal.SIGCONT)
    console().print(f"{part} (process {pid}) goes on.")
