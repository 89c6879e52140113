"""Healing the online store: whole locations a batch, and an end when the store takes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from typer.main import get_group

from shared.online import OnlineFeatures, Unwritten
from tools.__main__ import app
from tools.heal.values import EVENTS, WINDOWS, first_window
from tools.heal.writing import LOCATIONS, write

COLUMNS = {"event_timestamp": EVENTS, "window_start": WINDOWS}
NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@dataclass
class Store:
    """Keeps what it is given, but for the locations that it refuses."""

    refuses: frozenset[str] = frozenset()
    batches: list[Sequence[OnlineFeatures]] = field(default_factory=list)

    async def write(self, entries: Sequence[OnlineFeatures]) -> Unwritten | None:
        self.batches.append(entries)
        count = sum(entry.location_id in self.refuses for entry in entries)
        return Unwritten(count, NOON, NOON, "away") if count else None


def entries(locations: int, each: int = 2) -> Iterator[OnlineFeatures]:
    for number in range(locations):
        yield from [OnlineFeatures(f"1-{number:04d}", NOON, {"event_type": "x"})] * each


async def test_a_batch_has_whole_locations_and_a_few_hundred_of_them() -> None:
    store = Store()
    healed = await write(entries(2 * LOCATIONS + 1), store)
    assert [len(batch) for batch in store.batches] == [2 * LOCATIONS, 2 * LOCATIONS, 2]
    assert len(healed.locations) == 2 * LOCATIONS + 1
    assert (healed.unwritten, healed.is_complete) == ([], True)


async def test_what_a_store_refuses_of_a_batch_does_not_stop_the_others() -> None:
    store = Store(refuses=frozenset({"1-0000"}))
    healed = await write(entries(LOCATIONS + 1), store)
    assert [missing.count for missing in healed.unwritten] == [2]
    assert healed.locations == {f"1-{LOCATIONS:04d}"}, "only those that are surely written"
    assert healed.is_complete


async def test_a_store_that_takes_nothing_of_a_batch_is_not_asked_again() -> None:
    store = Store(refuses=frozenset(f"1-{number:04d}" for number in range(LOCATIONS)))
    healed = await write(entries(3 * LOCATIONS), store)
    assert len(store.batches) == 1
    assert (healed.locations, healed.is_complete) == (set(), False)


async def test_a_dry_run_counts_the_locations() -> None:
    assert len((await write(entries(5), None)).locations) == 5


def test_the_end_of_the_range_is_included_and_the_help_says_so() -> None:
    (option,) = (made for made in get_group(app).commands["heal-online"].params if made.name == "until")
    assert getattr(option, "help", None) == "The end of the range, included."
    assert all(f"{column} <= @until" in sql for column, sql in COLUMNS.items())


def test_a_windows_values_are_found_although_its_revisions_reach_into_the_next_window() -> None:
    minutes = timedelta(minutes=5)
    assert first_window(NOON + timedelta(microseconds=3)) == NOON - minutes
    assert first_window(NOON + minutes / 2) == NOON
