"""The stand-ins as processes: one line when ready, a clean exit, and one sentence for a taken port."""

import signal
import socket

import pytest

from tests.conformance.backends import killed_at_the_end

STAND_INS = ["pubsub", "firestore", "feature_store"]


@pytest.mark.parametrize("name", STAND_INS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stand_in_says_where_it_listens_and_exits_cleanly(name: str, number: signal.Signals) -> None:
    with killed_at_the_end(name, 0) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        start, _, address = line.rstrip().rpartition(" ")
        assert start == f"{name} stand-in: listening on"
        host, _, port = address.partition(":")
        socket.create_connection((host, int(port)), timeout=5).close()
        process.send_signal(number)
        rest, complaints = process.communicate(timeout=10)
    assert (process.returncode, rest, complaints) == (0, "", "")


@pytest.mark.parametrize("name", STAND_INS)
def test_a_taken_port_is_reported_in_one_sentence(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with killed_at_the_end(name, port) as process:
            output, complaint = process.communicate(timeout=30)
    assert (process.returncode, output) == (1, "")
    assert complaint.startswith(f"{name} stand-in: cannot listen on 127.0.0.1:{port}")
    assert "--port" in complaint
    assert complaint.count("\n") == 1
