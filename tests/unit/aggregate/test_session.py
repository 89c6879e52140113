"""A session's hold on a shard: its fence is in every commit, and no commit is too large."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import orjson
import pytest

from functions.aggregate.session import LEASE, MAX_COMMIT_BYTES, MAX_WRITES, FencedOut, Session
from shared.errors import Retry
from shared.windows.documents import Committed, Refused, Write
from shared.windows.state import EVER, Control, OpenWindow, Shard
from tests.support.faults import Faults
from tests.support.flush_harness import WINDOW
from tests.support.memory_documents import Database, MemoryDocuments


@dataclass
class Remembering(Database):
    """Keeps the writes of each commit."""

    commits: list[Sequence[Write]] = field(default_factory=list)

    def commit(self, writes: Sequence[Write]) -> Committed:
        committed = super().commit(writes)
        self.commits.append(list(writes))
        return committed


class Shelf:
    """Sessions on one database."""

    def __init__(self) -> None:
        self.now = WINDOW
        self.database = Remembering(lambda: self.now)
        self.faults = Faults()

    async def session(self, holder: str = "me") -> Session:
        session = Session(MemoryDocuments(self.database, self.faults), Shard(), holder)
        await session.open()
        return session

    def control(self) -> Control:
        return Control.from_fields(self.database.documents["flush/0.0"].fields)


def states(count: int, size: int = 1) -> list[Write]:
    return [Write(f"window_state/{number}", {"entries": bytes(size)}) for number in range(count)]


async def test_begin_takes_the_next_number_and_the_lease_and_notes_the_windows() -> None:
    shelf = Shelf()
    session = await shelf.session()
    await session.begin({WINDOW: OpenWindow(3)})
    control = shelf.control()
    assert (control.number, control.holder, control.windows) == (1, "me", {WINDOW: OpenWindow(3)})
    assert control.lease_until - LEASE == pytest.approx(WINDOW, abs=10)
    assert (await shelf.session()).is_taken
    shelf.now += LEASE + 10
    assert not (await shelf.session()).is_taken


def test_a_control_document_is_read_back_as_it_was_written() -> None:
    control = Control(
        number=3,
        emitted=2,
        holder="me",
        lease_until=5,
        cursor="c",
        watermark=7,
        settled_before=6,
        ahead=frozenset({b"12345678", b"abcdefgh"}),
        windows={WINDOW: OpenWindow(3, 400, has_ended=True, events=70), 0: OpenWindow(0)},
        pending=frozenset({(WINDOW, 1), (0, 0)}),
        locations=9,
        events=8,
    )
    fields = control.to_fields()
    assert Control.from_fields(fields) == control
    del fields["settled_before"], fields["events"]  # as in the documents of an earlier release
    fields["windows"] = orjson.dumps([(WINDOW, 3, 400, True), (0, 0)]).decode()
    windows = {WINDOW: OpenWindow(3, 400, has_ended=True), 0: OpenWindow(0)}
    earlier = replace(control, settled_before=-EVER, events=0, windows=windows)
    assert Control.from_fields(fields) == earlier
    fields["windows"] = orjson.dumps([(WINDOW, 3, 400, True, 0, "new"), (0, 0, 0, False, 0, "new")]).decode()
    assert Control.from_fields(fields | {"new": 1}) == earlier, "what a later release adds is left out"


async def test_every_save_renews_the_lease() -> None:
    shelf = Shelf()
    session = await shelf.session()
    await session.begin({})
    shelf.now += LEASE - 1_000_000
    await session.save(lambda control: control, states(1))
    shelf.now += 10
    await session.save(lambda control: control, states(1))
    assert shelf.control().lease_until > WINDOW + 2 * LEASE - 1_100_000


async def test_finish_releases_the_lease_and_says_what_is_emitted() -> None:
    shelf = Shelf()
    session = await shelf.session()
    await session.begin({})
    await session.save(lambda control: replace(control, pending=frozenset({(WINDOW, 0)})))
    await session.finish(lambda control: replace(control, cursor="c"))
    control = shelf.control()
    assert (control.emitted, control.pending, control.lease_until, control.cursor) == (1, frozenset(), 0, "c")


@pytest.mark.parametrize("step", ["begin", "save", "finish"])
async def test_a_session_that_was_overtaken_can_do_nothing_more(step: str) -> None:
    shelf = Shelf()
    first = await shelf.session("first")
    if step != "begin":
        await first.begin({})
    second = await shelf.session("second")
    await second.begin({})
    before = dict(shelf.database.documents)
    steps = {
        "begin": lambda: first.begin({}),
        "save": lambda: first.save(lambda control: control, states(2)),
        "finish": lambda: first.finish(lambda control: control),
    }
    with pytest.raises(FencedOut):
        await steps[step]()
    assert shelf.database.documents == before
    await first.release()  # is only a warning
    assert shelf.database.documents == before


async def test_a_large_save_is_several_commits_and_each_has_the_fence() -> None:
    shelf = Shelf()
    session = await shelf.session()
    await session.save(lambda control: control, states(2 * MAX_WRITES + 1))
    await session.save(lambda control: control, states(9, MAX_COMMIT_BYTES // 4))
    assert [len(commit) - 1 for commit in shelf.database.commits] == [MAX_WRITES, MAX_WRITES, 1, 3, 3, 3]
    assert {commit[0].name for commit in shelf.database.commits} == {"flush/0.0"}
    assert all(commit[0].version is not None for commit in shelf.database.commits)
    names = [write.name for commit in shelf.database.commits[:3] for write in commit[1:]]
    assert names == [write.name for write in states(2 * MAX_WRITES + 1)]  # in their order


async def test_a_session_overtaken_between_two_commits_of_a_save_stops_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shelf = Shelf()
    session = await shelf.session("first")
    other = await shelf.session("second")
    commit = shelf.database.commit

    def overtake(writes: Sequence[Write]) -> Committed:
        committed = commit(writes)
        shelf.database.documents["flush/0.0"] = replace(shelf.database.documents["flush/0.0"], version=7)
        return committed

    monkeypatch.setattr(shelf.database, "commit", overtake)
    with pytest.raises(FencedOut):
        await session.save(lambda control: control, states(MAX_WRITES + 1))
    assert len(shelf.database.commits) == 1
    assert other.control == Control()


async def test_a_save_whose_answer_is_lost_is_a_retry_and_fences_its_own_session() -> None:
    shelf = Shelf()
    session = await shelf.session()
    shelf.faults.at_call, shelf.faults.answer_lost = shelf.faults.calls + 1, True
    with pytest.raises(Retry):
        await session.begin({})
    with pytest.raises(FencedOut):
        await session.save(lambda control: control)


async def test_a_refused_save_leaves_the_session_where_it_was() -> None:
    shelf = Shelf()
    session = await shelf.session()
    shelf.database.refuses = lambda write: write.name == "window_state/0"
    with pytest.raises(Refused):
        await session.save(lambda control: replace(control, cursor="x"), states(1))
    assert session.control.cursor == ""
    await session.begin({})
