"""The number of shards changes for new windows; old ones are finished by the shards that they have."""

import asyncio
from datetime import timedelta

import pytest

from functions.aggregate.layout import ensure_shards
from shared.errors import Retry
from shared.windows.documents import Write
from shared.windows.state import LAYOUT, Generation, Layout, Shard, level_for, location_hash
from tests.support.bench import NOON, WINDOW, Bench, event
from tests.support.faults import Faults
from tests.support.memory_documents import MemoryDocuments

FIVE = timedelta(minutes=5)
LOCATIONS = [f"1-{number}" for number in range(12)]


def layout_of(bench: Bench) -> Layout:
    return Layout.from_fields(bench.database.documents[LAYOUT].fields)


def at_all(event_id: str, minute: float) -> list[object]:
    at = NOON + timedelta(minutes=minute)
    return [event(event_id, at=at, location=location) for location in LOCATIONS]


async def fold_over_a_change(before: int, after: int, jobs: bool) -> Bench:
    bench = Bench(shards=before)
    await bench.append(*at_all("a", 0), *at_all("b", 5))  # type: ignore[arg-type]
    await bench.flush_at(1)
    bench.shards = after
    for minute in (2, 12, 20, 85):
        bench.at(minute)
        await bench.append(*at_all("c", 11))  # type: ignore[arg-type]
        for job in range(after) if jobs else [None]:
            await bench.flush(job)
    return bench


@pytest.mark.parametrize("jobs", [False, True])
@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 3), (3, 2)])
async def test_every_event_is_counted_once_and_every_window_closed_across_a_change(
    before: int, after: int, jobs: bool
) -> None:
    bench = await fold_over_a_change(before, after, jobs)
    finals = [row for row in bench.sinks.panes if row["is_final"]]
    assert sorted(str(row["location_id"]) for row in finals) == sorted(LOCATIONS * 3)
    assert {row["window_event_count"] for row in finals} == {1}
    assert bench.texts() == []
    for generation in layout_of(bench).generations:
        for shard in generation.all():
            assert bench.control(shard.name).windows == {}


async def test_new_shards_begin_beyond_all_open_windows() -> None:
    bench = Bench()
    ahead = event("ahead", at=NOON + timedelta(minutes=33))
    await bench.append(event("a"), ahead)
    await bench.flush_at(1)
    bench.shards = 2
    await bench.flush_at(2)
    since = WINDOW + 35 * 60_000_000
    assert layout_of(bench).generations == (
        Generation(until=since),
        Generation(1, since, shards=2),
    )


async def test_new_shards_begin_where_the_slowest_old_one_stands() -> None:
    bench = Bench(shards=2)
    await bench.flush_at(0)
    await bench.append(*at_all("a", 11))  # type: ignore[arg-type]
    await bench.flush_at(1)
    fast, slow = bench.control("1.0"), bench.control("1.1")
    name = "flush/1.1"
    behind = {**bench.database.documents[name].fields, "cursor": "", "watermark": 5}
    bench.database.commit([Write(name, behind)])
    bench.shards = 3
    documents = MemoryDocuments(bench.database)
    await ensure_shards(documents, 3)
    new = bench.control("2.0")
    assert (new.cursor, new.watermark, new.number) == ("", 5, 0)
    assert fast.cursor == slow.cursor != ""


async def test_a_change_fences_the_flushes_under_way() -> None:
    bench = Bench()
    await bench.append(event("a"))
    bench.at(1)
    under_way = asyncio.get_running_loop().create_task(bench.flush())
    await bench.until(lambda: bench.control().number == 1)
    bench.faults.running.clear()
    await ensure_shards(MemoryDocuments(bench.database), 2)
    bench.faults.running.set()
    assert (await under_way).status == "fenced"


async def test_a_change_that_a_flush_overtakes_is_a_retry() -> None:
    bench = Bench()
    await bench.append(event("a"))
    faults = Faults()
    documents = MemoryDocuments(bench.database, faults)
    change = asyncio.get_running_loop().create_task(ensure_shards(documents, 2))
    await bench.until(lambda: faults.calls == 2)
    faults.running.clear()  # it has read, and not written
    await bench.flush_at(1)
    faults.running.set()
    with pytest.raises(Retry, match="the next one does it"):
        await change
    assert LAYOUT not in bench.database.documents


async def test_the_same_number_changes_nothing() -> None:
    bench = Bench()
    await bench.flush_at(1)
    await bench.flush_at(2)
    assert LAYOUT not in bench.database.documents


async def test_a_shard_that_is_finished_reads_the_log_no_more() -> None:
    bench = await fold_over_a_change(1, 2, jobs=False)
    before = bench.control("0.0")
    await bench.append(*at_all("late", 84))  # type: ignore[arg-type]
    await bench.flush_at(90)
    assert bench.control("0.0") == before
    assert bench.control("1.0").watermark > before.watermark


async def test_a_shard_without_windows_reads_on_until_its_last_window_is_settled() -> None:
    bench = Bench()
    await bench.flush_at(1)
    bench.shards = 2
    await bench.flush_at(2)  # for the windows from 12:05 on
    await bench.append(event("a"))
    await bench.flush_at(4)
    assert bench.panes() == [("early", 1, 1, False)]


def test_each_location_has_one_shard_and_all_shards_have_some() -> None:
    shards = Generation(2, shards=3).all()
    holders = [[shard for shard in shards if shard.holds(location_hash(str(n)))] for n in range(300)]
    assert {len(holder) for holder in holders} == {1}
    assert {holder[0].number for holder in holders} == {0, 1, 2}
    assert shards[1] == Shard(1, 3, 2)
    assert shards[1].control == "flush/2.1"


@pytest.mark.parametrize(
    ("locations", "level"), [(0, 0), (430, 0), (431, 1), (860, 1), (861, 2), (55_000, 7), (10**9, 12)]
)
def test_a_level_gives_about_430_locations_a_bucket(locations: int, level: int) -> None:
    assert level_for(locations) == level
