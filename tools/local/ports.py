"""Which part listens on which port of the loopback address."""

import random
import socket
from collections.abc import Mapping

from shared.topology import FUNCTIONS
from tools.errors import CommandError

HOST = "127.0.0.1"
DEFAULT_BASE = 8600
ORDER = ("pubsub", "firestore", "feature-store", "bigquery", "bigquery-storage", *FUNCTIONS, "otlp")
"""Part number n listens on port base + n."""

# Below Linux's ephemeral ports (32768 and up), so that no outgoing connection takes one meanwhile.
_FREE = range(20_000, 32_000)


def allot(base: int) -> dict[str, int]:
    """Part to port: from `base` on, or any free ports if it is 0. Raises CommandError for taken ports."""
    if base == 0:
        return _any_free()
    ports = {name: base + number for number, name in enumerate(ORDER)}
    taken = [f"{port} ({name})" for name, port in ports.items() if not _is_free(port)]
    if taken:
        raise CommandError(
            f"other programs listen on ports of this chain, {', '.join(taken)}: "
            "stop them, or choose other ports with --port-base N (0 = any free ones)"
        )
    return ports


def endpoints(ports: Mapping[str, int]) -> dict[str, str]:
    """Part to host:port."""
    return {name: f"{HOST}:{port}" for name, port in ports.items()}


def _any_free() -> dict[str, int]:
    candidates = random.SystemRandom().sample(_FREE, 200)
    free = (port for port in candidates if _is_free(port))
    ports = dict(zip(ORDER, free, strict=False))
    if len(ports) < len(ORDER):
        raise CommandError(
            f"too few free ports between {_FREE.start} and {_FREE.stop}: choose with --port-base N"
        )
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # For a server, a port with connections in TIME_WAIT is free; one with a listener is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
