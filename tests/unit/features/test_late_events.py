"""What `features` makes of events that come too late for their window."""

from datetime import timedelta

import pytest

from shared.errors import Busy, Reject, Retry
from tests.unit.builders import NOW
from tests.unit.features.conftest import LATE, Sinks, parsed


async def test_a_late_event_has_a_row_and_a_record_and_is_in_no_window(sinks: Sinks) -> None:
    assert await sinks.write(parsed("late", LATE), parsed("e-1")) == [None, None]
    assert sinks.lateness() == {"late": True, "e-1": False}
    assert sinks.log.segments == [["e-1"]]
    assert sinks.failures.sent == [("late", "late_event")]
    assert sinks.failures.texts == [
        "the event came over 1:00:00 after its window of 2026-03-11T10:50:00Z: "
        "it has a features row and is in no window"
    ]
    assert len(sinks.online.entries) == 2


async def test_only_late_events_make_no_segment(sinks: Sinks) -> None:
    assert await sinks.write(parsed("late", LATE)) == [None]
    assert sinks.log.segments == []


async def test_a_late_redelivery_of_a_counted_event_is_not_late(sinks: Sinks) -> None:
    sinks.log.verdicts = {"counted": True}
    assert await sinks.write(parsed("counted", LATE), parsed("late", LATE)) == [None, None]
    assert sinks.lateness() == {"counted": False, "late": True}
    assert sinks.failures.sent == [("late", "late_event")]
    assert sinks.log.asked == [["counted", "late"]]
    assert sinks.log.segments == []  # it is in its window, and a second time it would be too late


async def test_a_late_event_that_nobody_can_judge_yet_waits_alone(sinks: Sinks) -> None:
    unknown = Retry("the flush has not read so far")
    sinks.log.verdicts = {"unknown": unknown}
    batch = [parsed("a"), parsed("unknown", LATE), parsed("late", LATE), parsed("b")]
    assert await sinks.write(*batch) == [None, unknown, None, None]
    assert sinks.lateness() == {"a": False, "late": True, "b": False}
    assert sinks.log.segments == [["a", "b"]]
    assert sinks.failures.sent == [("late", "late_event")]
    assert len(sinks.online.entries) == 3


async def test_outcomes_stay_with_their_events_when_one_waits_and_one_is_refused(sinks: Sinks) -> None:
    unknown = Retry("the flush has not read so far")
    sinks.log.verdicts = {"unknown": unknown}
    sinks.rows.refuses = lambda row: row["event_id"] == "bad"
    events = [parsed("a"), parsed("bad"), parsed("unknown", LATE), parsed("b"), parsed("c")]
    outcomes = await sinks.write(*events)
    assert [str(outcome) for outcome in outcomes] == ["None", "no good", str(unknown), "None", "None"]


async def test_a_batch_in_which_all_wait_writes_nothing(sinks: Sinks) -> None:
    sinks.log.verdicts = {"unknown": Retry("the flush has not read so far")}
    await sinks.write(parsed("unknown", LATE))
    assert sinks.order == []
    assert sinks.online.entries == []


async def test_the_records_of_late_events_are_sent_together(sinks: Sinks) -> None:
    sinks.failures.gathers = 20
    late = [parsed(f"late-{number}", LATE) for number in range(20)]
    assert await sinks.write(*late) == [None] * 20
    assert len(sinks.failures.sent) == 20


@pytest.mark.parametrize(
    ("timestamp", "is_late"),
    [
        ("2026-03-11T11:00:00Z", False),
        ("2026-03-11T10:55:00Z", False),  # its window ended at 11:00, an hour ago to the microsecond
        ("2026-03-11T10:54:59.999999Z", True),
    ],
)
async def test_late_begins_when_the_window_ended_more_than_the_allowed_lateness_ago(
    sinks: Sinks, timestamp: str, is_late: bool
) -> None:
    await sinks.write(parsed("e", timestamp))
    assert sinks.lateness() == {"e": is_late}


async def test_timely_events_were_judged_before_the_look_up_of_late_ones_however_long_that_takes(
    sinks: Sinks,
) -> None:
    def pass_time() -> None:
        sinks.now += timedelta(seconds=7)

    sinks.log.takes = pass_time
    await sinks.write(parsed("a"), parsed("late", LATE))
    assert sinks.log.times == [(NOW, NOW + timedelta(seconds=7))]


async def test_the_log_is_not_asked_about_events_that_are_in_time(sinks: Sinks) -> None:
    await sinks.write(parsed("e"))
    assert sinks.log.asked == []


async def test_a_late_event_whose_row_is_refused_has_its_refusal_alone(sinks: Sinks) -> None:
    sinks.rows.refuses = lambda _: True
    (outcome,) = await sinks.write(parsed("late", LATE))
    assert isinstance(outcome, Reject)
    assert sinks.failures.sent == []


@pytest.mark.parametrize("error", [Retry("away"), Busy("full")])
async def test_a_late_event_whose_record_cannot_be_sent_is_retried(sinks: Sinks, error: Retry) -> None:
    sinks.failures.error = error
    assert await sinks.write(parsed("late", LATE)) == [error]


async def test_a_late_event_whose_record_cannot_be_sent_holds_up_no_other(sinks: Sinks) -> None:
    sinks.failures.error = away = Retry("the dead-letter topic is away")
    assert await sinks.write(parsed("a"), parsed("late", LATE), parsed("b")) == [None, away, None]
    assert sinks.log.segments == [["a", "b"]]
