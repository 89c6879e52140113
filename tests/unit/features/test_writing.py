"""What `features` owes a batch, against sinks in memory that refuse, fail or are slow to forgive."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import orjson
import pytest

from functions.features.writing import FeatureWriter
from shared.dead_letters.record import DeadLetterRecord
from shared.delivery.batching import Outcome
from shared.errors import Busy, ErrorType, Reject, Retry
from shared.events import encode
from shared.message import Message
from shared.online import EVENT_FEATURE_NAMES, OnlineFeatures, Unwritten
from shared.settings import FeaturesSettings
from shared.tables.columns import Row
from shared.windows.contribution import Contribution
from shared.windows.key import digest
from shared.windows.lookup import Verdict
from tests.unit.builders import NOW, event, message

STAMP = "1.2.4+0123abcd"
"""Of features; parse's own, in the event, is 1.2.3."""
ON_TIME = "2026-03-11T11:59:58Z"
LATE = "2026-03-11T10:54:59Z"
"""Its window ended at 10:55, 65 minutes before NOW."""


EVENT_IDS: dict[bytes, str] = {}
"""Of the events that a test has made, by their digests."""


class Rows:
    """realtime_features."""

    def __init__(self, order: list[str]) -> None:
        self.rows: list[Row] = []
        self.refuses: Callable[[Row], bool] = lambda _: False
        self.error: Retry | None = None
        self.takes: Callable[[], None] = lambda: None
        """Called while rows are written: time may pass."""
        self._order = order

    async def append_rows(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        self._order.append("rows")
        self.takes()
        if self.error:
            raise self.error
        good = [row for row in rows if not self.refuses(row)]
        self.rows += good
        return [None if row in good else Reject(ErrorType.SINK_REJECTED, "no good") for row in rows]


class Log:
    """The window log, and what the windows say of late events."""

    def __init__(self, order: list[str]) -> None:
        self.segments: list[list[str]] = []
        self.times: list[tuple[datetime, datetime]] = []
        """Of each append, when its events were judged and when it began."""
        self.verdicts: dict[str, Verdict] = {}
        self.asked: list[list[str]] = []
        self.error: Retry | None = None
        self._order = order

    async def append(self, contributions: Sequence[Contribution], judged: datetime, now: datetime) -> None:
        self._order.append("log")
        self.times.append((judged, now))
        if self.error:
            raise self.error
        self.segments.append([EVENT_IDS[event.digest] for event in contributions])

    async def counted(self, events: Sequence[Contribution]) -> list[Verdict]:
        names = [EVENT_IDS[event.digest] for event in events]
        self.asked.append(names)
        return [self.verdicts.get(name, False) for name in names]


class Online:
    """The feature view."""

    def __init__(self) -> None:
        self.entries: list[OnlineFeatures] = []
        self.fails = set[str]()
        """Locations."""

    async def write(self, entries: Sequence[OnlineFeatures]) -> Unwritten | None:
        self.entries += entries
        failed = [entry for entry in entries if entry.location_id in self.fails]
        return Unwritten.of(failed, "the store is down") if failed else None


class Failures:
    """The dead-letter topic."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.records: list[DeadLetterRecord] = []
        self.error: Retry | None = None
        self.gathers = 1
        """So many must be on their way before any arrives."""
        self._under_way = 0
        self._all_under_way = asyncio.Event()

    async def send_rejected(self, message: Message, reject: Reject) -> None:
        if self.error:
            raise self.error
        self._under_way += 1
        if self._under_way >= self.gathers:
            self._all_under_way.set()
        await asyncio.wait_for(self._all_under_way.wait(), 10)
        self.sent.append((orjson.loads(message.data)["event_id"], reject.error_type.value))
        self.texts.append(str(reject))

    async def send(self, record: DeadLetterRecord) -> None:
        if self.error:
            raise self.error
        self.records.append(record)


class Sinks:
    """All four, and the writer to them."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.now = NOW
        self.rows = Rows(self.order)
        self.log = Log(self.order)
        self.online = Online()
        self.failures = Failures()
        self.writer = FeatureWriter(
            rows=self.rows,
            log=self.log,
            late_events=self.log,
            online=self.online,
            dead_letters=self.failures,
            settings=FeaturesSettings(project_id="p", pipeline_version=STAMP, batch_linger_ms=0),
            clock=lambda: self.now,
        )

    async def write(self, *messages: Message) -> list[BaseException | None]:
        """The outcome of each, sent together: one batch."""
        return await asyncio.gather(
            *(self.writer.process(delivery) for delivery in messages), return_exceptions=True
        )

    def lateness(self) -> dict[object, object]:
        return {row["event_id"]: row["is_late"] for row in self.rows.rows}


@pytest.fixture
def sinks() -> Sinks:
    return Sinks()


def parsed(event_id: str, timestamp: str = ON_TIME, **fields: object) -> Message:
    """An event of the parsed topic."""
    built = event("compliance_alert", {"severity": "high"}, event_id=event_id, timestamp=timestamp, **fields)
    EVENT_IDS[digest(built.location_id, event_id)] = event_id
    return message(encode(built), message_id=f"message-of-{event_id}")


async def test_a_batch_is_one_append_one_segment_and_one_online_write(sinks: Sinks) -> None:
    assert await sinks.write(*(parsed(f"e-{number}") for number in range(5))) == [None] * 5
    assert sinks.order == ["rows", "log"]
    assert sinks.log.segments == [[f"e-{number}" for number in range(5)]]
    assert len(sinks.rows.rows) == len(sinks.online.entries) == 5
    assert sinks.failures.sent == []


async def test_a_row_is_stamped_by_features_not_by_parse(sinks: Sinks) -> None:
    await sinks.write(parsed("e-1"))
    assert [row["pipeline_version"] for row in sinks.rows.rows] == [STAMP]


async def test_the_row_goes_with_its_lateness_and_the_online_values_without_the_events_own(
    sinks: Sinks,
) -> None:
    await sinks.write(parsed("e-1"))
    (row,), (entry,) = sinks.rows.rows, sinks.online.entries
    assert row["is_late"] is False
    assert (entry.location_id, entry.generate_time) == ("1-466088203", row["event_timestamp"])
    assert entry.values == {name: value for name, value in row.items() if name in EVENT_FEATURE_NAMES}
    assert (entry.values["alert_severity"], entry.values["real_time_risk_score"]) == ("high", 3)


async def test_an_event_that_no_rule_lets_through_is_rejected_before_its_batch(sinks: Sinks) -> None:
    outcomes = await sinks.write(message(b"not json"), message(b"{}"), parsed("e-1"))
    assert [getattr(outcome, "error_type", None) for outcome in outcomes] == [
        ErrorType.JSON_PARSE_ERROR,
        ErrorType.SCHEMA_ERROR,
        None,
    ]
    assert sinks.log.segments == [["e-1"]]


@pytest.mark.parametrize(
    ("timestamp", "accepted"),
    [
        ("2026-03-19T12:00:00Z", True),
        ("2026-03-19T12:00:00.000001Z", False),
        ("9999-12-31T23:59:59Z", False),
    ],
)
async def test_an_event_far_ahead_that_came_past_parse_is_rejected(
    sinks: Sinks, timestamp: str, accepted: bool
) -> None:
    data = parsed("e-1").data.replace(ON_TIME.encode(), timestamp.encode())
    (outcome,) = await sinks.write(message(data))
    if accepted:
        assert outcome is None
    else:
        assert isinstance(outcome, Reject)
        assert outcome.error_type is ErrorType.TIMESTAMP_OUT_OF_RANGE
        assert "over 8 days, 0:00:00 ahead of now" in str(outcome)
        assert sinks.order == []


async def test_a_refused_row_rejects_its_event_which_then_counts_nowhere(sinks: Sinks) -> None:
    sinks.rows.refuses = lambda row: row["event_id"] == "bad"
    outcomes = await sinks.write(parsed("e-1"), parsed("bad", location_id="l-bad"), parsed("e-2"))
    assert [str(outcome) for outcome in outcomes] == ["None", "no good", "None"]
    assert isinstance(outcomes[1], Reject)
    assert sinks.log.segments == [["e-1", "e-2"]]
    assert {entry.location_id for entry in sinks.online.entries} == {"1-466088203"}


async def test_where_every_row_is_refused_there_is_no_segment(sinks: Sinks) -> None:
    sinks.rows.refuses = lambda _: True
    outcomes = await sinks.write(parsed("a"), parsed("b"))
    assert all(isinstance(outcome, Reject) for outcome in outcomes)
    assert sinks.log.segments == []


async def test_when_bigquery_fails_all_of_the_batch_is_retried_and_nothing_else_is_written(
    sinks: Sinks,
) -> None:
    sinks.rows.error = Retry("BigQuery is away")
    outcomes = await sinks.write(parsed("a"), parsed("b"))
    assert [str(outcome) for outcome in outcomes] == ["BigQuery is away"] * 2
    assert sinks.order == ["rows"]
    assert sinks.online.entries == []


async def test_when_the_log_fails_all_of_the_batch_is_retried_and_then_counts_once_more(
    sinks: Sinks,
) -> None:
    sinks.log.error = Retry("Firestore is away")
    outcomes = await sinks.write(parsed("a"), parsed("b"))
    assert [str(outcome) for outcome in outcomes] == ["Firestore is away"] * 2
    sinks.log.error = None
    assert await sinks.write(parsed("a"), parsed("b")) == [None, None]
    assert sinks.log.segments == [["a", "b"]]
    assert len(sinks.rows.rows) == 4  # at least once: the view drops the doubles


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


async def test_the_log_learns_when_the_events_were_judged_and_when_their_rows_were_written(
    sinks: Sinks,
) -> None:
    def pass_time() -> None:
        sinks.now += timedelta(seconds=7)

    sinks.rows.takes = pass_time
    await sinks.write(parsed("a"))
    assert sinks.log.times == [(NOW, NOW + timedelta(seconds=7))]


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


async def test_a_batchs_online_failures_are_one_record_that_says_how_to_heal_them(sinks: Sinks) -> None:
    sinks.online.fails = {"l-2", "l-3"}
    outcomes = await sinks.write(
        parsed("e-1", location_id="l-1"),
        parsed("e-2", "2026-03-11T11:59:58.5Z", location_id="l-2"),
        parsed("e-3", "2026-03-11T11:58:00Z", location_id="l-3"),
    )
    assert outcomes == [None, None, None]
    (record,) = sinks.failures.records
    assert (record.error_type, record.stage) == (ErrorType.FEATURE_STORE_WRITE_FAILED, "features")
    assert record.error_message == (
        "2 entries are not in the online store (the store is down): "
        "heal them with cqc heal-online --from 2026-03-11T11:58:00Z --to 2026-03-11T11:59:59Z"
    )
    assert sinks.log.segments == [["e-1", "e-2", "e-3"]]


async def test_an_online_failure_that_cannot_be_recorded_is_retried(sinks: Sinks) -> None:
    sinks.online.fails = {"1-466088203"}
    sinks.failures.error = Retry("Pub/Sub is away")
    assert await sinks.write(parsed("e-1")) == [sinks.failures.error]
