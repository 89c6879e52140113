"""The number of shards changes for new windows; old ones are finished by the shards that they have."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import orjson
import pytest

from functions.aggregate import planning
from functions.aggregate.layout import ensure_shards
from functions.aggregate.planning import Work, groups_of
from functions.aggregate.session import Session
from shared.errors import Retry
from shared.windows.contribution import Contribution
from shared.windows.documents import Write
from shared.windows.state import LAYOUT, Generation, Layout, OpenWindow, Shard, level_for, location_hash
from tests.support.faults import Faults
from tests.support.flush_harness import NOON, WINDOW, FlushHarness, event

FIVE = timedelta(minutes=5)
LOCATIONS = [f"1-{number}" for number in range(12)]


def layout_of(harness: FlushHarness) -> Layout:
    return Layout.from_fields(harness.database.documents[LAYOUT].fields)


def at_all(event_id: str, minute: float) -> list[Contribution]:
    at = NOON + timedelta(minutes=minute)
    return [event(event_id, at=at, location=location) for location in LOCATIONS]


async def fold_over_a_change(before: int, after: int, jobs: bool) -> FlushHarness:
    harness = FlushHarness(shards=before)
    await harness.append(*at_all("a", 0), *at_all("b", 5))
    await harness.flush_at(1)
    harness.shards = after
    for minute in (2, 12, 20, 85):
        harness.at(minute)
        await harness.append(*at_all("c", 11))
        for job in range(after) if jobs else [None]:
            await harness.flush(job)
    return harness


@pytest.mark.parametrize("jobs", [False, True])
@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 3), (3, 2)])
async def test_every_event_is_counted_once_and_every_window_closed_across_a_change(
    before: int, after: int, jobs: bool
) -> None:
    harness = await fold_over_a_change(before, after, jobs)
    finals = [row for row in harness.sinks.panes if row["is_final"]]
    assert sorted(str(row["location_id"]) for row in finals) == sorted(LOCATIONS * 3)
    assert {row["window_event_count"] for row in finals} == {1}
    assert harness.texts() == []
    for generation in layout_of(harness).generations:
        for shard in generation.all():
            assert harness.control(shard.name).windows == {}


async def test_a_new_deployment_has_its_number_of_shards_from_the_first_window_on() -> None:
    harness = FlushHarness(shards=3)
    await harness.append(*at_all("a", 0))
    await harness.flush_at(1)
    assert layout_of(harness).generations == (Generation(shards=3),)
    assert sum(harness.control(f"0.{number}").windows[WINDOW].locations for number in range(3)) == len(
        LOCATIONS
    )


async def test_a_flush_that_chose_its_shard_by_an_older_layout_does_not_begin() -> None:
    """Or a first flush of one shard and a first change to three would fold the same locations twice."""
    harness = FlushHarness()
    documents = harness.documents()
    await ensure_shards(documents, 3)
    with pytest.raises(Retry, match="the number of shards was changed in this moment"):
        await Session(documents, Shard(), "late").open()


async def test_new_shards_cut_their_first_window_by_what_the_old_ones_held() -> None:
    harness = FlushHarness()
    places = [f"1-{number}" for number in range(3_000)]
    await harness.append(*(event("a", location=place) for place in places))
    await harness.flush_at(1)
    harness.shards = 2
    await harness.flush_at(2)
    harness.at(6)
    await harness.append(event("b", at=NOON + FIVE))
    await harness.flush()
    (level,) = {window.level for n in range(2) for window in harness.control(f"1.{n}").windows.values()}
    assert level == level_for(1_500)


async def test_new_shards_begin_beyond_all_open_windows() -> None:
    harness = FlushHarness()
    ahead = event("ahead", at=NOON + timedelta(minutes=33))
    await harness.append(event("a"), ahead)
    await harness.flush_at(1)
    harness.shards = 2
    await harness.flush_at(2)
    since = WINDOW + 35 * 60_000_000
    assert layout_of(harness).generations == (
        Generation(until=since),
        Generation(1, since, shards=2),
    )


async def test_new_shards_begin_where_the_slowest_old_one_stands() -> None:
    harness = FlushHarness(shards=2)
    await harness.flush_at(0)
    await harness.append(*at_all("a", 11))
    await harness.flush_at(1)
    fast, slow = harness.control("0.0"), harness.control("0.1")
    name = "flush/0.1"
    behind = {**harness.database.documents[name].fields, "cursor": "", "watermark": 5}
    harness.database.commit([Write(name, behind)])
    harness.shards = 3
    documents = harness.documents()
    await ensure_shards(documents, 3)
    new = harness.control("1.0")
    assert (new.cursor, new.watermark, new.number) == ("", 5, 0)
    assert fast.cursor == slow.cursor != ""


async def test_a_second_change_takes_nothing_from_the_first() -> None:
    """The first goes by a window far ahead, which is not open any more for the shards of the second."""
    harness = FlushHarness()
    harness.at(1)
    await harness.append(event("ahead", at=NOON + timedelta(minutes=14)))
    for shards in (1, 2, 4):
        harness.shards = shards
        await harness.flush()
    generations = layout_of(harness).generations
    assert [generation.shards for generation in generations] == [1, 2, 4]
    for before, after in pairwise(generations):
        assert before.since < before.until == after.since
    await harness.append(event("a", location="1-9"))
    for minute in (6, 7):
        await harness.flush_at(minute)
    assert harness.panes("1-9") == [("on_time", 1, 1, False)]


async def test_a_change_fences_the_flushes_under_way() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    harness.at(1)
    under_way = asyncio.get_running_loop().create_task(harness.flush())
    await harness.until(lambda: harness.control().number == 1)
    harness.faults.running.clear()
    await ensure_shards(harness.documents(), 2)
    harness.faults.running.set()
    assert (await under_way).status == "fenced"


async def test_a_change_that_a_flush_overtakes_is_a_retry() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    faults = Faults()
    documents = harness.documents(faults)
    change = asyncio.get_running_loop().create_task(ensure_shards(documents, 2))
    await harness.until(lambda: faults.calls == 2)
    faults.running.clear()  # it has read, and not written
    await harness.flush_at(1)
    faults.running.set()
    with pytest.raises(Retry, match="the next one does it"):
        await change
    assert LAYOUT not in harness.database.documents


async def test_control_documents_of_a_newer_format_are_a_retry_that_says_so() -> None:
    harness = FlushHarness()
    await harness.flush_at(1)
    harness.database.commit([Write("flush/0.0", {"format": 2})])
    with pytest.raises(Retry, match="its format is 2, this release reads 1"):
        await ensure_shards(harness.documents(), 2)


async def test_a_change_that_comes_between_the_reads_of_another_is_not_undone_by_it() -> None:
    harness = FlushHarness()
    faults = Faults()
    change = asyncio.get_running_loop().create_task(ensure_shards(harness.documents(faults), 2))
    await harness.until(lambda: faults.calls == 1)
    faults.running.clear()  # it has read that there is no layout
    await ensure_shards(harness.documents(), 3)
    faults.running.set()
    with pytest.raises(Retry, match="the next one does it"):
        await change
    assert layout_of(harness).generations == (Generation(shards=3),)


async def test_the_same_number_changes_nothing() -> None:
    harness = FlushHarness()
    await harness.flush_at(1)
    await harness.flush_at(2)
    assert LAYOUT not in harness.database.documents


async def test_a_shard_that_is_finished_reads_the_log_no_more() -> None:
    harness = await fold_over_a_change(1, 2, jobs=False)
    before = harness.control("0.0")
    await harness.append(*at_all("late", 84))
    await harness.flush_at(90)
    assert harness.control("0.0") == before
    assert harness.control("1.0").watermark > before.watermark


@pytest.mark.parametrize("jobs", [True, False])
async def test_what_is_logged_for_a_window_of_finished_shards_is_a_dead_letter(jobs: bool) -> None:
    """They read no more; ALLOWED_LATENESS was raised since."""
    harness = await fold_over_a_change(2, 3, jobs)
    events = at_all("raised", 3)
    harness.at(100)
    await harness.append(*events)
    for job in range(3) if jobs else [None]:
        await harness.flush(job)
    kept = [entry["digest"] for letter in harness.sinks.dead_letters for entry in orjson.loads(letter.data)]
    assert sorted(kept) == sorted(each.digest.hex() for each in events)
    assert all("is settled without them" in text for text in harness.texts())


async def test_a_shard_without_windows_reads_on_until_its_last_window_is_settled() -> None:
    harness = FlushHarness()
    await harness.flush_at(1)
    harness.shards = 2
    await harness.flush_at(2)  # for the windows from 12:05 on
    await harness.append(event("a"))
    await harness.flush_at(4)
    assert harness.panes() == [("early", 1, 1, False)]


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


def test_few_locations_with_many_events_have_more_buckets() -> None:
    """Each is in memory as a whole."""
    assert [level_for(10, events) for events in (0, 100_000, 100_001, 300_000)] == [0, 0, 1, 2]
    assert level_for(55_000, 300_000) == level_for(55_000)


async def test_a_window_is_cut_by_what_the_one_before_it_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.windows.state.EVENTS_A_BUCKET", 10)
    harness = FlushHarness()
    for minute in range(4):
        harness.at(minute)
        await harness.append(*(event(f"{minute}-{number}") for number in range(10)))
        await harness.flush()
    harness.at(6)
    await harness.append(event("next", at=NOON + FIVE))
    await harness.flush()
    first, second = harness.control().windows.values()
    assert (first.level, first.locations, first.events) == (0, 1, 40)
    assert (second.level, second.events) == (2, 1)


async def test_a_producer_whose_clock_is_fast_makes_no_windows_of_few_buckets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its events begin each window while the one before it is nearly empty, too."""
    monkeypatch.setattr("shared.windows.state.LOCATIONS_A_BUCKET", 3)
    harness = FlushHarness()
    for minute in range(21):
        harness.at(minute + 0.5)
        fast = event("fast", at=harness.now + timedelta(minutes=4, seconds=59), location="1-fast")
        await harness.append(*at_all(f"e{minute}", minute), fast)
        await harness.flush_at(minute + 1)
    levels = [window.level for _, window in sorted(harness.control().windows.items())]
    assert min(levels[2:]) == level_for(len(LOCATIONS))


def test_a_group_has_few_buckets_and_few_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "GROUP", 3)
    monkeypatch.setattr(planning, "GROUP_EVENTS", 100)
    windows = {0: OpenWindow(2, events=40), 5: OpenWindow(1, events=120)}
    work: Work = {(0, number): {} for number in range(4)} | {(5, number): {} for number in range(2)}
    groups = [list(group) for group in groups_of(work, windows)]
    assert groups == [[(0, 0), (0, 1), (0, 2)], [(0, 3), (5, 0)], [(5, 1)]]
    assert [list(group) for group in groups_of({(5, 0): {"l": [event("a")] * 500}}, windows)] == [[(5, 0)]]
    assert len(groups_of({(7, 0): {}, (7, 1): {"l": [event("a")] * 101}}, windows)) == 2
    alike = {start: OpenWindow(2, events=40) for start in (0, 5, 10)}
    many: Work = {(start, number): {} for start in alike for number in range(4)}
    assert [len(group) for group in groups_of(many, alike)] == [3, 3, 3, 3]
