"""The Firestore adapter where nothing listens: the library would try for minutes, ours is a Retry in time."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from shared.errors import Retry
from shared.gcp import firestore
from shared.gcp.firestore import WindowLog, WindowStore, connect
from shared.windows.key import WindowKey
from shared.windows.log import Contribution
from shared.windows.state import Control, Segment

NOW = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
ONE = Contribution("e", "l", 0, 0, "x", "generic", 0, 0, {})

CALLS: dict[str, Callable[[WindowLog, WindowStore], Awaitable[object]]] = {
    "append": lambda log, _: log.append([ONE], NOW),
    "counted": lambda log, _: log.counted([ONE]),
    "read_control": lambda _, store: store.read_control(),
    "save": lambda _, store: store.save(Control()),
    "load": lambda _, store: store.load([WindowKey(0, "l")]),
    "load_window": lambda _, store: store.load_window(0),
    "read_segments": lambda _, store: store.read_segments(10),
    "delete_segments": lambda _, store: store.delete_segments([Segment("s", b"", NOW)]),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("call", CALLS)
async def test_a_call_is_given_up_after_its_timeout(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setattr(firestore, "APPEND_TIMEOUT", 0.1)
    monkeypatch.setattr(firestore, "FLUSH_TIMEOUT", 0.1)
    client = connect("p", "(default)")
    with pytest.raises(Retry, match=r"in Firestore took longer than 0\.1 s"):
        await CALLS[call](WindowLog(client), WindowStore(client))
