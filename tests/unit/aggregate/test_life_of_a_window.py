"""The life of a window, flush by flush. `|` are window bounds, numbers are minutes after 12:00."""

from datetime import timedelta

from tests.support.flush_harness import NOON, FlushHarness, event


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
    await harness.flush_at(67)
    assert harness.panes() == [("on_time", 1, 1, True)]
    assert harness.panes("1-200") == []
    (text,) = harness.texts()
    assert "2 events were logged for the window 2026-06-01T12:00:00Z, which is settled without them" in text


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
