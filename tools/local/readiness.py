"""When a part of the chain is ready: what it answers, or logs, and what must exist in it."""

import socket
import urllib.error
import urllib.request

from shared.telemetry.logs import LogEvent
from tools.local.ports import HOST
from tools.local.process import Process
from tools.pipeline.address import ChainAddress


def accepts(port: int) -> bool:
    """True once somebody listens."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(url: str) -> bool:
    """True once the worker answers; the framework serves this path itself, without calling the function."""
    try:
        urllib.request.urlopen(f"{url}/robots.txt", timeout=1).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def pulls(process: Process) -> bool:
    """True once the process has had a stream for a second, or its first messages."""
    return process.has_logged(f'"event":"{LogEvent.PULL_STARTED}"'.encode())


def create_topology(chain: ChainAddress) -> None:
    """The topics and subscriptions that do not exist yet."""
    from tools.pipeline.pubsub import PubSub  # 0.4 s to import, while the parts start

    client = PubSub(chain.pubsub)
    try:
        client.create_topology(chain)
    finally:
        client.close()


def create_warehouse(chain: ChainAddress) -> None:
    """The tables and views that do not exist yet."""
    from tools.pipeline.connect import connect_warehouse

    connect_warehouse(chain).create()
