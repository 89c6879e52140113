"""The facts of a deployment, from answers of Google's APIs, also from such as nobody expects."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.support.google import PULLED, Google, entry, rest
from tools.errors import CommandError
from tools.health import cloud_logs, monitoring, tables
from tools.health.answers import ACKNOWLEDGED, GIVEN_BACK, LEASE_RAN_OUT, Answers
from tools.health.facts import Backlog, Flow, Latency, Period, Rejected, Switch
from tools.health.monitoring import Monitoring
from tools.pipeline.deployment import Deployment
from tools.pipeline.google_rest import Json
from tools.pipeline.worker_pools import read_pools

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
    assert monitoring.latencies(p50, p99, 1e6) == [Latency("parsed to row", 0.04, 0.9)]
    assert monitoring.latencies(p50, [], 1e6) == []


class Metrics(Google):
    """Monitoring, with these counts of the subscription of `features`, and of no other metric."""

    def __init__(self, **counts: int) -> None:
        super().__init__(200, b"{}")
        self.counts = counts

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        asked = str(request.url).split("subscription%2F")[-1].split("%22")[0]
        labels = {"subscription_id": "dashboard-events-parsed-features"}
        count = {"int64Value": self.counts[asked]} if asked in self.counts else None
        found = [] if count is None else [series(labels, count)]
        self.answers = (json.dumps({"timeSeries": found}).encode(),)
        return super().send(request)


def test_of_a_stage_that_pulls_deliveries_and_what_became_of_them_are_pub_subs_counts() -> None:
    counts = {"sent_message_count": 330, "ack_message_count": 300, "mod_ack_deadline_message_count": 20}
    metrics = Monitoring(rest(Metrics(**counts, expired_ack_deadlines_count=10)), "p", "cqc")
    assert metrics.flows(FIVE_MINUTES, ["features"])["features"] == Flow(1.1, 1.0)
    answered = metrics.answers(FIVE_MINUTES, ["features"])
    assert answered["features"] == Answers({ACKNOWLEDGED: 300, GIVEN_BACK: 20, LEASE_RAN_OUT: 10})
    assert sum(answered["features"].failed.values()) == 30
    assert answered["parse"].total == 0


def test_of_a_stage_that_pulls_and_does_nothing_nothing_is_reported() -> None:
    metrics = Monitoring(rest(Metrics()), "p", "cqc")
    assert metrics.flows(FIVE_MINUTES, ["features"])["features"] == Flow(0.0, 0.0)
    assert metrics.answers(FIVE_MINUTES, ["features"])["features"].total == 0


def test_the_time_until_a_row_is_acknowledged_is_in_milliseconds_there() -> None:
    metrics = Monitoring(rest(Metrics(ack_latencies=900)), "p", "cqc")
    assert metrics.latencies(FIVE_MINUTES, ["features"]) == [Latency("parsed to row", 0.9, 0.9)]
    assert metrics.latencies(FIVE_MINUTES, ["parse"]) == []


def test_a_stage_pulls_where_it_has_a_worker_pool_and_where_that_is_not_said_nothing_is_known() -> None:
    deployment = Deployment(project="p")
    assert list(read_pools(rest(Google(200, b"{}")), deployment)) == ["parse", "features", "deadletter"]
    assert list(read_pools(rest(Google(404, b"{}")), deployment)) == []
    with pytest.raises(CommandError, match=r"run\.googleapis\.com answers 403"):
        read_pools(rest(Google(403, b"{}")), deployment)


def test_the_period_is_one_whose_samples_are_all_visible() -> None:
    assert monitoring.period(NOW) == Period(NOW - timedelta(minutes=9), NOW - timedelta(minutes=4))


def test_monitoring_is_asked_for_one_sum_a_group() -> None:
    google = Google(200, b"{}")
    Monitoring(rest(google), "my-project", "cqc").answers(FIVE_MINUTES, [])
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


def test_the_log_of_a_worker_pool_is_that_of_its_stage() -> None:
    pulled = entry("dead_letter_brake_engaged", "a", 1, by=PULLED)
    google = Google(200, json.dumps({"entries": [pulled]}).encode())
    logs = cloud_logs.read_logs(rest(google), "p", "cqc", NOW)
    assert logs["features"].brake.is_on
    assert cloud_logs.mentions(rest(google), "p", "probe-1", NOW)
    for body in google.bodies:
        asked = json.loads(body)["filter"]
        assert "cloud_run_revision" in asked
        assert "cloud_run_worker_pool" in asked


def test_the_command_that_shows_a_stages_errors_finds_them_by_either_driver() -> None:
    shown = cloud_logs.read_command("p", "cqc", "parse")
    assert 'service_name="cqc-parse"' in shown
    assert 'worker_pool_name="cqc-parse-pull"' in shown


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
