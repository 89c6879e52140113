"""The dead-letter brake in `parse` and `features` as they run: it engages, holds and releases."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from shared.telemetry.logs import LogEvent
from tests.entrypoints.deliveries import new_id, parsed, push, raw
from tests.entrypoints.server import Server
from tests.entrypoints.servers import Servers
from tests.support.polling import until
from tools.local.parts import PartsKind, all_parts
from tools.local.ports import allot
from tools.local.process import Process, stop_all

SETTINGS = {"DEAD_LETTER_BRAKE_MINIMUM": "5", "DEAD_LETTER_BRAKE_PERIOD": "PT10M"}
GOOD = {"parse": raw, "features": parsed}


class Function:
    """A function of its own beside the stand-ins that all tests share."""

    def __init__(self, name: str, servers: Servers, folder: Path, settings: Mapping[str, str]) -> None:
        ports = allot(0)
        (part,) = (part for part in all_parts(PartsKind.STAND_IN, ports, servers.chain) if part.name == name)
        self.name = name
        self.process = Process(replace(part, environment={**part.environment, **settings}), folder / name)
        self._server = Server(name, self.process.pid, ports[name])

    def is_ready(self) -> bool:
        self.process.check()
        return self._server.serves()

    def good(self) -> int:
        return self._send(orjson.dumps(GOOD[self.name](event_id=new_id("good"))), attempt=1)

    def bad(self, attempt: int = 1) -> int:
        return self._send(b"{not json", attempt)

    def changes(self) -> list[tuple[str, str, object]]:
        """What it logged about its brake: severity, event and counts."""
        lines = [
            orjson.loads(line) for line in self.process.log.read_bytes().splitlines() if line[:1] == b"{"
        ]
        return [
            (line["severity"], line["event"], line["counts"])
            for line in lines
            if "brake" in line.get("event", "")
        ]

    def _send(self, data: bytes, attempt: int) -> int:
        body = orjson.loads(push(data, new_id("message"))) | {"deliveryAttempt": attempt}
        return self._server.post(orjson.dumps(body)).status


@pytest.fixture(scope="module")
def functions(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Function]]:
    folder = tmp_path_factory.mktemp("brake")
    started = {name: Function(name, servers, folder, SETTINGS) for name in GOOD}
    try:
        for function in started.values():
            until(function.is_ready, f"{function.name} to be ready")
        yield started
    finally:
        stop_all(function.process for function in started.values())


@pytest.mark.parametrize("name", GOOD)
def test_a_broken_stream_is_held_and_released_when_good_messages_come(
    functions: dict[str, Function], name: str
) -> None:
    function = functions[name]
    assert [function.bad() for _ in range(4)] == [204] * 4
    assert [function.bad() for _ in range(3)] == [503] * 3
    assert function.good() == 204  # nothing good is held back
    assert [function.bad(attempt) for attempt in range(2, 12)] == [503] * 10
    assert [function.good() for _ in range(9)] == [204] * 9
    assert function.bad(attempt=12) == 503
    # 7 of 18 messages were rejected: under four fifths of a half.
    assert function.good() == 204
    assert [function.bad(attempt) for attempt in range(13, 20)] == [204] * 7
    assert function.changes() == [
        ("ERROR", LogEvent.DEAD_LETTER_BRAKE_ENGAGED, {"messages": 5, "rejected": 5}),
        ("ERROR", LogEvent.DEAD_LETTER_BRAKE_RELEASED, {"messages": 18, "rejected": 7}),
    ]
