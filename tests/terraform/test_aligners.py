"""Monitoring refuses an aligner that a metric's values do not go with, late in the first apply."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.terraform.conftest import State

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900)]

COUNT, LEVEL, LATENCY = ("DELTA", "INT64"), ("GAUGE", "INT64"), ("DELTA", "DISTRIBUTION")
METRICS = {
    "pubsub.googleapis.com/subscription/ack_latencies": LATENCY,
    "pubsub.googleapis.com/subscription/ack_message_count": COUNT,
    "pubsub.googleapis.com/subscription/byte_cost": COUNT,
    "pubsub.googleapis.com/subscription/dead_letter_message_count": COUNT,
    "pubsub.googleapis.com/subscription/expired_ack_deadlines_count": COUNT,
    "pubsub.googleapis.com/subscription/mod_ack_deadline_message_count": COUNT,
    "pubsub.googleapis.com/subscription/num_undelivered_messages": LEVEL,
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age": LEVEL,
    "pubsub.googleapis.com/subscription/open_streaming_pulls": LEVEL,
    "pubsub.googleapis.com/subscription/push_request_count": COUNT,
    "pubsub.googleapis.com/subscription/push_request_latencies": LATENCY,
    "pubsub.googleapis.com/subscription/sent_message_count": COUNT,
    "run.googleapis.com/container/billable_instance_time": ("DELTA", "DOUBLE"),
    "run.googleapis.com/container/instance_count": LEVEL,
    "run.googleapis.com/request_count": COUNT,
    "firestore.googleapis.com/document/write_ops_count": COUNT,
    "bigquerystorage.googleapis.com/write/uploaded_bytes_count": COUNT,
    "logging.googleapis.com/billing/bytes_ingested": COUNT,
}
"""Kind and values, from Google's lists of metrics; those from logs say theirs themselves."""

NUMBERS = {"INT64", "DOUBLE"}
TAKES = {
    "ALIGN_RATE": ({"DELTA"}, NUMBERS),
    # Of a distribution, too, but then the result is one, and no threshold is.
    "ALIGN_DELTA": ({"DELTA"}, NUMBERS),
    "ALIGN_COUNT": ({"DELTA", "GAUGE"}, NUMBERS),
    "ALIGN_MAX": ({"DELTA", "GAUGE"}, NUMBERS),
    "ALIGN_PERCENTILE_99": ({"DELTA", "GAUGE"}, {"DISTRIBUTION"}),
}
"""Kinds and values that an aligner takes: the API's reference of Aggregation.Aligner."""


def aligned(state: State) -> Iterator[tuple[str, str, str]]:
    """Where, which metric, by what."""
    for policy in state.of_type("google_monitoring_alert_policy"):
        for condition in policy.values["conditions"]:
            (threshold,) = condition["condition_threshold"]
            for filter_, by in (
                ("filter", "aggregations"),
                ("denominator_filter", "denominator_aggregations"),
            ):
                for aggregation in threshold[by]:
                    yield policy.address, metric_of(threshold[filter_]), aggregation["per_series_aligner"]
    dashboard = json.loads(state.values("google_monitoring_dashboard.this")["dashboard_json"])
    for tile in dashboard["mosaicLayout"]["tiles"]:
        for drawn in tile["widget"]["xyChart"]["dataSets"]:
            series = drawn["timeSeriesQuery"]["timeSeriesFilter"]
            aligner = series["aggregation"]["perSeriesAligner"]
            yield tile["widget"]["title"], metric_of(series["filter"]), aligner


def metric_of(text: str) -> str:
    (metric,) = re.findall(r'metric\.type="([^"]+)"', text)
    return str(metric)


@pytest.mark.parametrize("which", ["deployed", "features_pulls"])
def test_every_aligner_takes_its_metric(which: str, request: pytest.FixtureRequest) -> None:
    state: State = request.getfixturevalue(which)
    from_logs = {
        f"logging.googleapis.com/user/{made.values['name']}": (
            made.values["metric_descriptor"][0]["metric_kind"],
            made.values["metric_descriptor"][0]["value_type"],
        )
        for made in state.of_type("google_logging_metric")
    }
    found = list(aligned(state))
    assert len(found) > 20
    for where, metric, aligner in found:
        kind, values = (METRICS | from_logs)[metric]
        kinds, types = TAKES[aligner]
        assert kind in kinds, (where, metric, aligner)
        assert values in types, (where, metric, aligner)
