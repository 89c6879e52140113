"""What `features` owes a batch, against sinks in memory that refuse, fail or are slow to forgive."""

from datetime import timedelta

import pytest

from shared.errors import ErrorType, Reject, Retry
from shared.online import EVENT_FEATURE_NAMES
from tests.unit.builders import NOW, message
from tests.unit.features.conftest import ON_TIME, STAMP, Sinks, parsed


async def test_a_batch_is_one_append_one_segment_and_one_online_write(sinks: Sinks) -> None:
    assert await sinks.write(*(parsed(f"e-{number}") for number in range(5))) == [None] * 5
    assert sinks.order == ["rows", "log"]
    assert sinks.log.segments == [[f"e-{number}" for number in range(5)]]
    assert len(sinks.rows.rows) == len(sinks.online.entries) == 5
    assert sinks.failures.sent == []


async def test_large_events_that_come_at_once_are_several_batches(sinks: Sinks) -> None:
    """40 of 250 kB as one append would be more than the 10 MB that BigQuery takes."""
    large = [parsed(f"e-{number}", metrics={"category": "x" * 250_000}) for number in range(40)]
    assert await sinks.write(*large) == [None] * 40
    assert max(map(len, sinks.log.segments)) <= 4_000_000 // 250_000


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


async def test_the_log_learns_when_the_events_were_judged_and_when_their_rows_were_written(
    sinks: Sinks,
) -> None:
    def pass_time() -> None:
        sinks.now += timedelta(seconds=7)

    sinks.rows.takes = pass_time
    await sinks.write(parsed("a"))
    assert sinks.log.times == [(NOW, NOW + timedelta(seconds=7))]


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
