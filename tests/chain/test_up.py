"""How `cqc up` ends: whatever happens, it leaves no process behind."""

import json
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.polling import until
from tests.support.up import Up, is_running, run_cqc, running_up
from tools.local.parts import address
from tools.local.ports import HOST, ORDER
from tools.local.readiness import accepts
from tools.pipeline.address import ChainFile, read

pytestmark = pytest.mark.outages


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    with running_up(tmp_path, "--flush-every", "0.5") as started:
        yield started


def listens(endpoint: str) -> bool:
    return accepts(int(endpoint.rsplit(":", 1)[1]))


def endpoints(chain: ChainFile) -> list[str]:
    services = (chain.pubsub, chain.firestore, chain.bigquery, chain.bigquery_storage, chain.feature_store)
    return [*services, *chain.functions.values()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "a closed terminal"])
def test_a_signal_ends_every_process_and_removes_the_files(up: Up, number: signal.Signals) -> None:
    chain, parts = read(up.chain_file), up.parts()
    addresses = chain.model_dump(exclude={"pid", "parts", "forgets"}, exclude_none=True)
    assert json.loads(up.described.read_text()) == addresses
    assert set(chain.parts.values()) == set(parts.values())
    assert len(parts) == 8
    assert all(map(listens, endpoints(chain)))

    assert up.cqc("pause", "feature-store").returncode == 0

    up.process.send_signal(number)

    assert up.end() == (0, "")
    assert not any(map(is_running, parts.values()))
    assert not any(map(listens, endpoints(chain)))
    assert not up.described.exists()
    assert not up.chain_file.exists()


def test_a_second_chain_in_the_folder_is_refused_and_the_first_runs_on(up: Up) -> None:
    before, arguments = up.chain_file.read_bytes(), ("--port-base", "0", "--json", up.described.name)
    second = up.cqc("up", *arguments)
    assert second.returncode == 2
    assert f"process {up.process.pid} already runs a chain".encode() in second.stderr
    assert up.chain_file.read_bytes() == before
    assert up.described.exists()
    assert all(map(listens, endpoints(read(up.chain_file))))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a process when its parent dies")
def test_no_part_outlives_a_chain_that_gets_sigkill(up: Up) -> None:
    parts = up.parts()
    up.process.kill()
    until(lambda: not any(map(is_running, parts.values())), "its parts to end")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all parts are left, and pull on")
def test_a_part_that_was_paused_then_is_ended_by_the_next_chain(up: Up) -> None:
    address, paused = read(up.chain_file).functions["parse"], read(up.chain_file).parts["parse"]
    assert up.cqc("pause", "parse").returncode == 0
    others = [pid for pid in up.parts().values() if pid != paused]
    up.process.kill()
    until(lambda: not any(map(is_running, others)), "the other parts to end")
    assert is_running(paused)

    up.described.unlink()  # running_up waits for it
    with running_up(up.folder):
        said = f"ended what process {up.process.pid}, an earlier `cqc up`, had left behind: parse"
        assert said in " ".join(up.said.split())
        assert not listens(address)
    assert not is_running(paused)


def test_what_stands_in_the_file_of_the_addresses_is_no_loss(tmp_path: Path) -> None:
    file, mine = tmp_path / "described.json", '{"my": "notes"}'
    file.write_text(mine)
    refused = run_cqc(tmp_path, "up", "--port-base", "0", "--json", "described.json")
    assert (refused.returncode, file.read_text()) == (2, mine)
    assert b"--json described.json holds something else than a chain's addresses" in refused.stderr
    with socket.create_server((HOST, 0)) as taken:
        file.write_text(earlier := address(dict.fromkeys(ORDER, 1)).to_json())
        port = taken.getsockname()[1]
        answer = run_cqc(tmp_path, "up", "--port-base", str(port), "--json", "described.json")
    assert (answer.returncode, file.read_text()) == (2, earlier)


def test_a_taken_port_is_reported_with_its_part(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        answer = run_cqc(tmp_path, "up", "--port-base", str(port - 5))
    assert answer.returncode == 2
    assert f"{port} (parse)".encode() in answer.stderr
    assert [path.name for path in tmp_path.rglob("*")] == [".cqc"]


def test_a_setting_that_a_function_refuses_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATURE_TIMEZONE", "Europe/Atlantis")
    answer = run_cqc(tmp_path, "up", "--port-base", "0")
    assert answer.returncode == 2
    assert b"features ended with exit code" in answer.stderr
    assert b"FEATURE_TIMEZONE" in answer.stderr
