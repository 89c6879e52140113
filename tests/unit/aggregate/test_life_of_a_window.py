"""The life of a window, flush by flush. `|` are window bounds, numbers are minutes after 12:00."""

from datetime import timedelta

import orjson
import pytest

from shared.clock import to_micros
from shared.errors import Retry
from shared.windows.documents import EXPIRY
from shared.windows.state import KEEP_SETTLED
from tests.support.flush_harness import NOON, WINDOW, FlushHarness, crowd, event


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


async def test_a_window_goes_from_early_over_on_time_and_late_to_its_settling() -> None:
    # | a .  b  .  . |  .   c  ...  settled when the log is sealed past 65 min + MAX_LOGGING_DELAY
    # 0 1  2  3     5  6   7  8 ...  66
    harness = FlushHarness()
    await harness.append(event("a"))
    await harness.flush_at(1)
    await harness.flush_at(2)  # nothing new: no pane
    await harness.append(event("b"))
    await harness.flush_at(3)
    await harness.flush_at(5)  # the first flush after the end: on_time, although nothing new came
    await harness.flush_at(7)
    await harness.append(event("c", arrived=NOON + minutes(7.5)))
    await harness.flush_at(8)
    await harness.flush_at(65.5)
    await harness.flush_at(66)
    await harness.flush_at(70)
    assert harness.panes() == [
        ("early", 1, 1, False),
        ("early", 2, 2, False),
        ("on_time", 3, 2, False),
        ("late", 4, 3, False),
        ("late", 5, 3, True),
    ]
    assert [row["late_event_count"] for row in harness.sinks.panes] == [0, 0, 0, 1, 1]


async def test_a_flush_that_was_away_past_the_settling_gives_one_final_on_time_pane() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    await harness.flush_at(90)
    await harness.flush_at(91)
    assert harness.panes() == [("on_time", 1, 1, True)]
    assert (harness.control().windows, harness.control().pending) == ({}, frozenset())


async def test_a_location_that_first_shows_up_late_gets_its_own_on_time_pane() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    await harness.flush_at(6)
    await harness.append(event("b", location="1-200"))
    await harness.flush_at(8)
    await harness.flush_at(66)
    assert harness.panes("1-100") == [("on_time", 1, 1, False), ("late", 2, 1, True)]
    assert harness.panes("1-200") == [("on_time", 1, 1, False), ("late", 2, 1, True)]


async def test_a_window_is_settled_by_what_is_read_and_not_by_the_clock() -> None:
    # The slice of 65:20 (end, lateness and MAX_LOGGING_DELAY) ends at 65:30 and is sealed at 65:40.
    harness = FlushHarness()
    await harness.append(event("a"))
    harness.now = NOON + timedelta(minutes=65, seconds=39.999)
    await harness.flush()
    assert harness.panes() == [("on_time", 1, 1, False)]
    harness.now = NOON + timedelta(minutes=65, seconds=40)
    await harness.flush()
    assert harness.panes()[-1] == ("late", 2, 1, True)


async def test_an_event_counts_once_however_often_it_is_in_the_log() -> None:
    harness = FlushHarness()
    await harness.append(event("a"), event("a"))
    await harness.flush_at(1)
    await harness.append(event("a"))
    summary = await harness.flush_at(2)
    assert harness.panes() == [("early", 1, 1, False)]
    assert summary.to_dict()["duplicates"] == 1


async def test_of_copies_in_one_flush_the_first_published_counts() -> None:
    later = event("a", arrived=NOON + minutes(2), risk=4)
    earlier = event("a", arrived=NOON + minutes(1), risk=9)
    for copies in ([later, earlier], [earlier, later]):
        harness = FlushHarness()
        await harness.append(*copies)
        await harness.flush_at(3)
        assert [row["max_risk_score"] for row in harness.sinks.panes] == [9]


async def test_what_is_logged_for_a_settled_window_is_one_dead_letter_and_in_no_pane() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    await harness.flush_at(66)
    await harness.append(
        event("b"), event("c", location="1-200")
    )  # as a features of another ALLOWED_LATENESS would
    summary = await harness.flush_at(67)
    assert summary.to_dict()["too_late_events"] == 2
    assert harness.panes() == [("on_time", 1, 1, True)]
    assert harness.panes("1-200") == []
    (text,) = harness.texts()
    assert "2 events were logged for the window 2026-06-01T12:00:00Z, which is settled without them" in text


async def test_what_meets_a_window_that_a_dead_flush_has_settled_is_a_dead_letter_too() -> None:
    """Its panes are final, and the control document has it still."""
    harness = FlushHarness()
    await harness.append(event("a"))
    await harness.flush_at(6)
    finishing = (
        harness.faults.calls + 8
    )  # after layout, control, list, begin, load, save and save of the meta
    harness.faults.partial_pages, harness.faults.at_call = False, finishing
    with pytest.raises(Retry):
        await harness.flush_at(66)
    assert harness.panes()[-1] == ("late", 2, 1, True)
    assert WINDOW in harness.control().windows
    await harness.append(event("b"))
    summary = await harness.flush_at(68)
    assert summary.to_dict()["too_late_events"] == 1
    assert harness.panes()[-1] == ("late", 2, 1, True)
    assert ["1 events were logged for the window" in text for text in harness.texts()] == [True]


async def test_a_settled_window_is_remembered_for_as_long_as_pub_sub_may_deliver_again() -> None:
    harness = FlushHarness()
    await harness.append(event("a"))
    await harness.flush_at(66)
    kept = harness.stored("window_state")
    assert len(kept) == 2
    for document in kept:
        expiry = document.fields[EXPIRY]
        assert isinstance(expiry, int)
        assert expiry >= to_micros(harness.now) + KEEP_SETTLED


async def test_what_is_too_much_for_one_dead_letter_goes_into_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("functions.aggregate.reports.MAX_PAYLOAD", 1_000)
    harness = FlushHarness()
    await harness.append(event("a"))
    await harness.flush_at(66)
    late = [event(f"b{number}") for number in range(10)]
    await harness.append(*late)
    await harness.flush_at(67)
    kept = [orjson.loads(letter.data) for letter in harness.sinks.dead_letters]
    assert len(kept) > 2
    assert min(map(len, kept[:-1])) > 1
    assert all(len(letter.data) < 1_100 for letter in harness.sinks.dead_letters)
    assert [entry["digest"] for entries in kept for entry in entries] == [each.digest.hex() for each in late]
    assert harness.texts()[0].startswith(f"{len(kept[0])} events were logged for the window")


@pytest.mark.parametrize("quiet", [False, True])
async def test_a_settled_window_stays_so_when_the_allowed_lateness_is_raised(quiet: bool) -> None:
    """Also where there are fewer locations by then, and a window would have fewer buckets."""
    harness = FlushHarness(lateness=timedelta(hours=1))
    counted = event("a", location="1-7")
    await harness.append(*crowd(), counted)
    for minute in range(2, 71, 4):
        harness.at(minute)
        if quiet:
            await harness.append(event(f"x{minute}", at=harness.now, location="1-quiet"))
        await harness.flush()
    settled = harness.panes("1-7")
    harness.lateness = timedelta(hours=6)
    harness.at(75)
    await harness.append(counted, event("new", location="1-7"))
    for minute in (75, 76, 500):
        await harness.flush_at(minute)
    assert harness.panes("1-7") == settled
    assert await harness.counted(counted, event("new", location="1-7")) == [True, False]
    assert ["ALLOWED_LATENESS was raised since" in text for text in harness.texts()] == [True]


async def test_window_features_carry_the_time_of_the_newest_event_and_rise_with_each_pane() -> None:
    harness = FlushHarness()
    newest = NOON + minutes(2)
    await harness.append(event("a", newest), event("b", NOON + minutes(1)))
    await harness.flush_at(3)
    await harness.flush_at(6)
    times = [entry.generate_time for entry in harness.sinks.online]
    assert times == [newest + timedelta(microseconds=1), newest + timedelta(microseconds=2)]
    assert harness.sinks.online[0].values["window_event_count"] == 2


async def test_a_closing_pane_writes_online_values_only_where_something_new_came_with_it() -> None:
    harness = FlushHarness()
    await harness.append(event("a"), event("b", location="1-200"))
    await harness.flush_at(6)
    harness.at(64.9)
    await harness.append(event("c", location="1-200"))
    before = len(harness.sinks.online)
    await harness.flush_at(90)
    assert harness.panes("1-100")[-1] == ("late", 2, 1, True)
    assert harness.panes("1-200")[-1] == ("late", 2, 2, True)
    assert [entry.location_id for entry in harness.sinks.online[before:]] == ["1-200"]


async def test_the_summary_says_what_was_done() -> None:
    harness = FlushHarness()
    await harness.append(event("a"), event("a"), event("b", location="1-200"))
    await harness.flush_at(6)
    await harness.append(event("c"))
    summary = await harness.flush_at(7)
    assert summary.to_dict() == {
        "status": "done",
        "detail": "",
        "segments": 1,
        "events_folded": 1,
        "duplicates": 0,
        "too_late_events": 0,
        "windows": 2,
        "panes": {"early": 0, "on_time": 0, "late": 1},
        "settled": 0,
        "lag_seconds": 60.0,
        "seconds": 0.0,
    }
