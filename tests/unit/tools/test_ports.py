"""Which ports a chain takes, and the error when it can't."""

import socket

import pytest

from tools.errors import CommandError
from tools.local.ports import HOST, ORDER, allot


def test_free_ports_are_all_different() -> None:
    ports = allot(0)
    assert set(ports) == set(ORDER)
    assert len(set(ports.values())) == len(ORDER)


def test_a_base_gives_consecutive_ports() -> None:
    base = min(allot(0).values())
    try:
        ports = allot(base)
    except CommandError:
        pytest.skip("another program listens next to the free port")
    assert list(ports.items()) == [(name, base + number) for number, name in enumerate(ORDER)]


def test_a_taken_port_is_reported_with_the_part_that_wants_it() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=rf"{port} \(firestore\).*--port-base"):
            allot(port - ORDER.index("firestore"))
