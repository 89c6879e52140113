"""The facts of a deployment, from answers of Google's APIs, also from such as nobody expects."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.google import Google, entry, rest
from tools.errors import CommandError
from tools.health import cloud_logs, monitoring, tables
from tools.health.facts import Answers, Backlog, Flow, Latency, Period, Rejected, Switch
from tools.health.monitoring import Monitoring
from tools.pipeline.google_rest import Json

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
FIVE_MINUTES = Period(NOW - timedelta(minutes=5), NOW)


def series(labels: Mapping[str, str], *values: object) -> Json:
    return {"metric": {"labels": labels}, "points": [{"value": value} for value in values]}


def of(*found: Json) -> list[monitoring.Series]:
    return list(monitoring.series({"timeSeries": found}))


def test_the_newest_sample_of_each_subscription_is_its_backlog() -> None:
    waiting = of(
        series({"subscription_id": "a"}, {"int64Value": "3"}, {"int64Value": "900"}),
        series({"subscription_id": "b"}, {"int64Value": "0"}),
        series({"subscription_id": "c"}),
    )
    ages = of(
        series({"subscription_id": "a"}, {"int64Value": "77"}),
        series({"subscription_id": "b"}, {"int64Value": "0"}),
    )
    assert monitoring.backlogs(waiting, ages) == {"a": Backlog(3, 77.0), "b": Backlog(0, None)}


def test_deliveries_are_what_a_function_was_given_and_those_acknowledged_what_it_did() -> None:
    name = "dashboard-events-parse"
    pushes = of(
        series({"subscription_id": name, "response_class": "ack"}, {"int64Value": "300"}),
        series({"subscription_id": name, "response_class": "remote_server_5xx"}, {"int64Value": "30"}),
    )
    flows = monitoring.flows(pushes, FIVE_MINUTES)
    assert flows["parse"] == Flow(1.1, 1.0)
    assert flows["features"] == Flow(0.0, 0.0)


def test_answers_are_those_of_the_deployments_own_services() -> None:
    requests_ = of(
        series({"service_name": "cqc-parse", "response_code_class": "2xx"}, {"int64Value": "9"}),
        series({"service_name": "cqc-parse", "response_code_class": "5xx"}, {"int64Value": "1"}),
        series({"service_name": "other-parse", "response_code_class": "5xx"}, {"int64Value": "7"}),
    )
    answers = monitoring.answers(requests_, "cqc")
    assert answers["parse"] == Answers({"2xx": 9, "5xx": 1})
    assert answers["aggregate"].total == 0


def test_push_latencies_are_in_microseconds_there() -> None:
    name = "dashboard-events-parsed-features"
    p50 = of(series({"subscription_id": name}, {"doubleValue": 40_000.0}))
    p99 = of(series({"subscription_id": name}, {"doubleValue": 900_000.0}))
    assert monitoring.push_latencies(p50, p99) == [Latency("parsed to row", 0.04, 0.9)]
    assert monitoring.push_latencies(p50, []) == []


def test_the_period_is_one_whose_samples_are_all_visible() -> None:
    assert monitoring.period(NOW) == Period(NOW - timedelta(minutes=9), NOW - timedelta(minutes=4))


def test_monitoring_is_asked_for_one_sum_a_group() -> None:
    google = Google(200, b"{}")
    Monitoring(rest(google), "my-project", "cqc").answers(FIVE_MINUTES)
    (url,) = google.urls
    assert url.startswith("https://monitoring.googleapis.com/v3/projects/my-project/timeSeries?filter=")
    assert "alignmentPeriod=300s" in url
    assert "crossSeriesReducer=REDUCE_SUM" in url


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (403, b'{"error": {"message": "Permission denied"}}', "answers 403: Permission denied"),
        (403, b'{"error": "no"}', "answers 403: no reason"),
        (500, b"[]", "answers 500: no reason"),
        (200, b"<html>", "did not answer: "),
        (200, b'{"timeSeries": 7}', "something else than time series"),
        (200, b'{"timeSeries": [7]}', "something else than time series"),
        (200, b'{"timeSeries": [{"points": [{"value": {"int64Value": "many"}}]}]}', "something else than"),
    ],
)
def test_an_answer_that_nobody_expects_is_a_sentence(status: int, body: bytes, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        Monitoring(rest(Google(status, body)), "p", "cqc").backlogs(NOW)


def entries(*found: Json) -> Iterator[cloud_logs.Entry]:
    return cloud_logs.entries_in({"entries": found}, "cqc")


def test_a_brake_is_engaged_while_any_instance_has_not_released_it() -> None:
    released = [
        entry("dead_letter_brake_released", "a", 30),
        entry("dead_letter_brake_engaged", "a", 10),
    ]
    assert cloud_logs.logged(list(entries(*released))).brake == Switch(False)
    both = cloud_logs.logged(list(entries(*released, entry("dead_letter_brake_engaged", "b", 20)))).brake
    assert both.is_on
    assert both.since is not None
    assert both.since.minute == 20


def test_the_newest_retry_is_quoted_whatever_the_order() -> None:
    text = "message 7 failed and Pub/Sub will deliver it again: "
    found = entries(
        entry("message_retried", "a", 30, message=f"{text}BigQuery"),
        entry("message_retried", "a", 10, message=f"{text}Firestore"),
    )
    assert cloud_logs.logged(list(found)).retry == "BigQuery"


def test_the_logs_are_read_for_each_function() -> None:
    google = Google(200, json.dumps({"entries": [entry("dead_letter_brake_engaged", "a", 1)]}).encode())
    logs = cloud_logs.read_logs(rest(google), "p", "cqc", NOW)
    assert logs["parse"].brake.is_on
    assert not logs["features"].brake.is_on
    assert b'dead_letter_brake_engaged\\" OR \\"dead_letter_brake_released' in google.bodies[0]


@pytest.mark.parametrize(
    "body", [b'{"entries": 7}', b'{"entries": [{}]}', b'{"entries": [{"timestamp": "t"}]}']
)
def test_log_entries_that_nobody_expects_are_a_sentence(body: bytes) -> None:
    with pytest.raises(CommandError, match="something else than log entries"):
        cloud_logs.read_logs(rest(Google(200, body)), "p", "cqc", NOW)


def test_the_tables_sums_are_split_into_rows_panes_and_rejections() -> None:
    seen = tables.stored(
        [
            {"kind": "row", "stage": "", "error_type": "", "events": 90},
            {"kind": "pane", "stage": "", "error_type": "", "events": 12},
            {"kind": "record", "stage": "parse", "error_type": "json_parse_error", "events": 3},
            {"kind": "record", "stage": "parse", "error_type": "schema_error", "events": 7},
            {"kind": "record", "stage": "features", "error_type": "late_event", "events": 5},
            {"kind": "record", "stage": "features", "error_type": "feature_store_write_failed", "events": 2},
        ],
        60.0,
    )
    assert (seen.rows, seen.panes, seen.online_failures) == (90, 12, 2)
    worst, other = seen.rejected
    assert worst == Rejected("parse", "schema_error", 7)
    assert seen.share(worst) == 0.07
    assert seen.share(other) == 0.03


@pytest.mark.parametrize(
    "records", [[{}], [{"kind": "row", "events": None}], [{"kind": "record", "events": 1}]]
)
def test_sums_that_cannot_be_read_are_a_sentence(records: list[dict[str, object]]) -> None:
    with pytest.raises(CommandError, match="BigQuery's answer can't be read"):
        tables.stored(records, 60.0)


def test_the_time_until_parse_is_a_percentile_of_the_tables_or_nothing() -> None:
    took = list(range(101))
    assert tables.parsed({"took": took, "events": 9}) == [Latency("publish to parse", 0.05, 0.099, 9)]
    assert tables.parsed({"took": [], "events": 0}) == []
    assert tables.parsed({"took": None, "events": 0}) == []
    assert tables.parsed({}) == []
