"""A service that is stopped, not ended, accepts connections and never answers: each command says so, soon."""

import json
import signal
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.command_line import Invoke, invoking
from tests.support.polling import until
from tools.local.parts import PartsKind, all_parts
from tools.local.parts import address as address_on
from tools.local.ports import HOST, allot
from tools.local.process import Process, stop_all
from tools.local.readiness import accepts
from tools.pipeline import address
from tools.pipeline.address import ChainAddress
from tools.replay import pulling

pytestmark = pytest.mark.outages

SERVICES = ("pubsub", "bigquery", "feature-store")
EVENT = '{"location_id": "1-1", "event_type": "rating_change", "timestamp": "2026-01-31T12:00:00Z"}\n'


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainAddress]:
    """Stand-ins that got SIGSTOP once they listened."""
    folder, ports = tmp_path_factory.mktemp("frozen"), allot(0)
    chain = address_on(ports)
    parts = [part for part in all_parts(PartsKind.STAND_IN, ports, chain) if part.name in SERVICES]
    processes = [Process(part, folder / f"{part.name}.log") for part in parts]
    try:
        for process in processes:
            until(partial(listens, process, ports[process.name]), f"{process.name} to listen")
            process.signal_group(signal.SIGSTOP)
        yield chain
    finally:
        for process in processes:
            process.signal_group(signal.SIGCONT)
        stop_all(processes)


def listens(process: Process, port: int) -> bool:
    process.check()
    return accepts(port)


@pytest.fixture
def invoke(
    frozen: ChainAddress,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Invoke]:
    """Runs `cqc` on the frozen chain, in a folder with one event."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.jsonl").write_text(EVENT)
    address.write(tmp_path / "chain.json", frozen)
    monkeypatch.setenv("CQC_CHAIN", str(tmp_path / "chain.json"))
    monkeypatch.setattr(pulling, "PATIENCE", 1.0)
    with invoking(capsys, monkeypatch) as run:
        yield run


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("query|SELECT 1|--timeout|1", "BigQuery did not answer in time for the query"),
        ("tail|--timeout|1", "BigQuery did not answer in time for the query"),
        ("dead-letters|--timeout|1", "BigQuery did not answer in time for the query"),
        ("features|1-1|--timeout|1", "did not answer (Deadline Exceeded)"),
        ("replay|--errors|--to|topic|--timeout|1", "BigQuery did not answer in time for the query"),
        ("replay|--subscription|monitor|--dry-run", "Pub/Sub did not answer within 1 s, so nothing is known"),
    ],
)
def test_a_frozen_service_is_named_and_the_exit_code_is_2(
    invoke: Invoke, arguments: str, sentence: str
) -> None:
    answer = invoke(*arguments.split("|"))
    assert sentence in answer.err
    assert answer.code == 2
    assert answer.out == ""


@pytest.mark.timeout(60)
def test_the_doctor_makes_a_finding_of_each_frozen_service_and_of_what_can_be_seen_all_the_same(
    invoke: Invoke,
) -> None:
    answer = invoke("doctor", "--json")
    assert answer.code == 1
    findings = {finding["check"]: finding for finding in json.loads(answer.out)}
    assert findings["Pub/Sub"]["detail"].startswith("Pub/Sub does not answer: ")
    assert "BigQuery did not answer in time" in findings["BigQuery"]["detail"]
    assert "the chain's Firestore does not answer" in findings["flush"]["detail"]
    backlog = findings["backlog of dashboard-events-parse"]
    assert backlog["verdict"] == "can't tell"
    assert "did not answer within 5 s" in backlog["detail"]
    assert findings["function parse"]["verdict"] == "wrong"


@pytest.mark.timeout(60)
def test_the_doctor_asks_a_frozen_firestore_once(
    invoke: Invoke, frozen: ChainAddress, tmp_path: Path
) -> None:
    """Two event loops with Google's client in one process would end in tracebacks of it."""
    with socket.create_server((HOST, 0)) as silent:
        firestore = f"{HOST}:{silent.getsockname()[1]}"
        address.write(tmp_path / "chain.json", frozen.model_copy(update={"firestore": firestore}))
        answer = invoke("doctor", "--json")
        findings = {finding["check"]: finding for finding in json.loads(answer.out)}
        assert "Firestore failed for 5 s" in findings["flush"]["detail"]
        assert looks(silent) == 1
    assert answer.err == ""


def looks(server: socket.socket) -> int:
    """How many connections have sent nothing: the command's own, to see whether anything listens."""
    server.setblocking(False)
    count = 0
    while True:
        try:
            with server.accept()[0] as connection:
                connection.settimeout(1)
                count += connection.recv(1) == b""
        except BlockingIOError:
            return count


@pytest.mark.timeout(60)
def test_the_status_of_a_chain_that_is_frozen_says_that_nothing_answers(invoke: Invoke) -> None:
    answer = invoke("status")
    assert answer.code == 2
    assert answer.err.startswith("cqc: nothing of cqc-local.cqc_dataset answers: Pub/Sub at 127.0.0.1:")


def test_a_frozen_function_is_an_event_that_was_not_accepted(invoke: Invoke, frozen: ChainAddress) -> None:
    answer = invoke("replay", "events.jsonl", "--to", f"http://{frozen.feature_store}", "--timeout", "1")
    assert f"no answer from http://{frozen.feature_store} within 1 s" in answer.err
    assert answer.code == 1
    assert f"`cat .cqc/failed/*.json | cqc replay - --to http://{frozen.feature_store}`" in answer.err
