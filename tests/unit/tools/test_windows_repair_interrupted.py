"""A repair comes out right beside any flush, whatever is killed and whichever service fails."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import TypeVar

import pytest

from shared.errors import Retry
from shared.windows.bucket_documents import bucket_name
from shared.windows.documents import Write
from tests.support.faults import Faults
from tests.unit.tools.repair_harness import (
    KEY,
    SHARD,
    RepairHarness,
    features_row,
    killed,
    logged,
    refuse,
    repair,
    repairing,
    said,
    settled,
    store,
    take,
)
from tools.errors import CommandError

T = TypeVar("T")

A, B = features_row("a"), features_row("b")


@pytest.mark.parametrize("seconds", [1, 59])
async def test_a_repair_refuses_while_a_flush_is_at_work(seconds: int) -> None:
    harness = await settled(logged("a"))
    before = dict(harness.database.documents)
    store(harness, replace(harness.control(), lease_until=harness.database.last + seconds * 1_000_000))
    with pytest.raises(CommandError, match="a flush is at work, or died"):
        await repair(harness, A, B)
    assert before.keys() == harness.database.documents.keys()


async def test_a_repair_refuses_while_a_dead_flush_has_left_panes() -> None:
    harness = await settled(logged("a"))
    store(harness, replace(harness.control(), number=99))
    with pytest.raises(CommandError, match="a flush has left panes to write: flush once"):
        await repair(harness, A, B)


@dataclass
class Overtaken(Faults):
    """At a call of the repair its lease has run out, and a whole flush goes first."""

    harness: RepairHarness = field(default_factory=RepairHarness)
    flush_at: int = 0

    async def around(self, effect: Callable[[], T]) -> T:
        if self.calls + 1 == self.flush_at:
            self.harness.now += timedelta(minutes=2)
            await self.harness.flush()
        return await super().around(effect)


@pytest.mark.parametrize("call", range(2, 6))
async def test_a_repair_that_a_flush_overtakes_writes_nothing_more(call: int) -> None:
    """Its calls: the control document, the meta documents, begin, the bucket, save."""
    harness = await settled(logged("a"))
    before = harness.newest()
    with pytest.raises(CommandError, match="a flush took over in the middle: run the repair again"):
        await repair(harness, A, B, faults=Overtaken(harness=harness, flush_at=call))
    assert harness.newest() == before
    await repair(harness, A, B)
    assert await said(harness, A, B) == []


async def test_a_repair_killed_anywhere_is_finished_by_the_next_flush_or_the_next_repair() -> None:
    for after in count(1):
        harness = await settled(logged("a"), logged("a", "1-2"))
        rows = [*(features_row(name, place) for place in ("1-1", "1-2") for name in "ab")]
        found = (await harness.verify(*rows)).differences
        is_done = await killed(repairing(harness, found), after)
        harness.now += timedelta(minutes=2)
        await harness.flush()
        await repair(harness, *rows)
        assert await said(harness, *rows) == []
        assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in harness.revisions().values())
        if is_done:
            break
    assert after > 10, "it took its steps one by one"


@pytest.mark.parametrize("answer_lost", [False, True])
async def test_a_service_that_fails_anywhere_costs_a_second_run(answer_lost: bool) -> None:
    for at_call in count(1):
        harness = await settled(logged("a"))
        try:
            await repair(harness, A, B, faults=Faults(at_call=at_call, answer_lost=answer_lost))
        except Retry:
            harness.now += timedelta(minutes=2)
            await harness.flush()
            await repair(harness, A, B)
            assert await said(harness, A, B) == []
            assert all(
                numbers == list(range(1, len(numbers) + 1)) for numbers in harness.revisions().values()
            )
        else:
            break
    assert at_call > 6, "every call of a repair failed once"


async def test_a_repair_that_bigquery_refuses_says_so_and_leaves_the_panes_to_the_next_flush() -> None:
    harness = await settled(logged("a"))
    harness.rows.outcome = refuse
    with pytest.raises(CommandError, match="BigQuery refused 1 panes, the first because: no such column"):
        await repair(harness, A, B)
    harness.rows.outcome = take
    await harness.flush()
    assert await said(harness, A, B) == []


async def test_a_bucket_that_cant_be_read_is_left_with_what_to_do() -> None:
    harness = await settled(logged("a"))
    name = bucket_name(SHARD, KEY.start, 0)
    newer = {**harness.database.documents[name].fields, "format": 2}
    harness.database.commit([Write(name, newer)])
    (sentence,) = (await repair(harness, A, B)).left
    assert f"{name} can't be read (its format is 2, this release reads 1)" in sentence
    assert harness.database.documents[name].fields["format"] == 2
