"""Goals, alerts and logs: what they count, what they cost, and that one bad message does not trip them."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from shared.message import HEARTBEAT_ATTRIBUTE, HEARTBEAT_DATA
from tests.terraform.conftest import State
from tools.cost import assumptions
from tools.paths import ROOT

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(600)]

VERSIONS = ROOT / "terraform" / "versions.tf"
VARIABLES = ROOT / "terraform" / "variables.tf"
SCHEMAS = ROOT / "terraform" / "schemas"

DAYS = 28
MINUTE = 60


def attempts(state: State) -> list[float]:
    """When a poison message is delivered to `parse`, in seconds from the first time."""
    subscription = state.values(
        'module.stage["parse"].google_pubsub_subscription.this["dashboard-events-parse"]'
    )
    (policy,), (dead_letters,) = subscription["retry_policy"], subscription["dead_letter_policy"]
    pause, longest = (
        float(policy[name].removesuffix("s")) for name in ("minimum_backoff", "maximum_backoff")
    )
    times = [0.0]
    for number in range(dead_letters["max_delivery_attempts"] - 1):
        times.append(times[-1] + min(longest, pause * 2.0**number))
    return times


def burned(state: State, seconds: float) -> float:
    """The share of deliveries that one poison message makes bad, with only heartbeats beside it."""
    bad = sum(time <= seconds for time in attempts(state))
    return bad / (bad + seconds / MINUTE)


def burn_policies(state: State) -> list[Mapping[str, Any]]:
    return [
        made.values
        for made in state.of_type("google_monitoring_alert_policy")
        if made.address.startswith("google_monitoring_alert_policy.burn[")
    ]


def window_and_pace(policy: Mapping[str, Any]) -> tuple[float, float]:
    """In seconds, and in times the even pace."""
    (condition,) = policy["conditions"][0]["condition_threshold"]
    return float(condition["filter"].split('"')[-2].removesuffix("s")), condition["threshold_value"]


def test_one_poison_message_leaves_most_of_a_months_allowance(deployed: State) -> None:
    goal = deployed.values('google_monitoring_slo.this["parse"]')["goal"]
    assert burned(deployed, DAYS * 86_400) < (1 - goal) / 2


def test_one_poison_message_trips_no_burn_alert(deployed: State) -> None:
    policies = burn_policies(deployed)
    assert len(policies) == 8, "two windows for each of four goals"
    goal = deployed.values('google_monitoring_slo.this["parse"]')["goal"]
    for policy in policies:
        seconds, pace = window_and_pace(policy)
        assert burned(deployed, seconds) / (1 - goal) < pace, policy["display_name"]


def test_every_burn_alert_can_fire_at_the_lowest_goal_and_none_does_for_one_poison_message_at_the_highest(
    deployed: State,
) -> None:
    (lowest, highest) = map(float, re.findall(r"freshness_goal (?:>=|<=) ([0-9.]+)", VARIABLES.read_text()))
    for policy in burn_policies(deployed):
        seconds, pace = window_and_pace(policy)
        assert 1 / (1 - lowest) > pace, "all are bad, and still it does not fire"
        assert burned(deployed, seconds) / (1 - highest) < pace, policy["display_name"]


def test_goals_are_shares_of_what_comes_in(deployed: State) -> None:
    goals = {made.values["slo_id"]: made.values for made in deployed.of_type("google_monitoring_slo")}
    assert goals.keys() == {"parse", "features", "freshness", "windows"}
    for name, goal in goals.items():
        assert goal["request_based_sli"], name
        assert not goal["windows_based_sli"], name


def test_waiting_events_are_critical_only_when_they_are_old_and_many(deployed: State) -> None:
    policy = deployed.values("google_monitoring_alert_policy.waiting")
    assert policy["combiner"] == "AND_WITH_MATCHING_RESOURCE"
    metrics = [condition["condition_threshold"][0]["filter"] for condition in policy["conditions"]]
    assert ["oldest_unacked" in text or "num_undelivered" in text for text in metrics] == [True, True]


def test_the_heartbeat_is_what_the_functions_take_for_one(deployed: State) -> None:
    (target,) = deployed.values("google_cloud_scheduler_job.heartbeat")["pubsub_target"]
    assert target["attributes"].keys() == {HEARTBEAT_ATTRIBUTE}
    assert b64decode(target["data"]) == HEARTBEAT_DATA


def test_answered_requests_are_logged_as_a_sample_and_refused_ones_all(deployed: State) -> None:
    text = deployed.values('google_logging_project_exclusion.requests["on"]')["filter"]
    kept = 'log_id("run.googleapis.com/requests")', "httpRequest.status<400", "sample(insertId, 0.999)"
    assert set(kept) < set(text.split(" AND "))
    assert '"cqc-parse"' in text


def test_the_archive_keeps_what_a_replay_needs(deployed: State) -> None:
    archive = deployed.values('google_pubsub_subscription.archive["on"]')
    (files,) = archive["cloud_storage_config"]
    assert files["avro_config"][0]["write_metadata"] is True
    assert archive["topic"] == deployed.values('google_pubsub_topic.this["events"]')["id"]
    roles = {
        made.values["role"]
        for made in deployed.of_type("google_storage_bucket_iam_member")
        if made.values["bucket"] == files["bucket"]
    }
    assert roles == {"roles/storage.objectCreator", "roles/storage.legacyBucketReader"}
    rules = deployed.values('google_storage_bucket.archive["on"]')["lifecycle_rule"]
    assert [rule["condition"][0]["age"] for rule in rules if rule["action"][0]["type"] == "Delete"] == [730]


def test_an_archive_that_gets_nothing_calls_somebody_days_before_events_are_gone(deployed: State) -> None:
    policy = deployed.values('google_monitoring_alert_policy.this["archive-stuck"]')
    (condition,) = policy["conditions"][0]["condition_threshold"]
    archive = deployed.values('google_pubsub_subscription.archive["on"]')
    assert f'resource.labels.subscription_id="{archive["name"]}"' in condition["filter"]
    longest_file = float(archive["cloud_storage_config"][0]["max_duration"].removesuffix("s"))
    assert 2 * longest_file < condition["threshold_value"] < 86_400


def test_a_budgets_requests_name_a_project_to_be_counted_on() -> None:
    """Of people's own credentials; a plan does not show how a provider is set."""
    (provider,) = re.findall(r'^  alias += "billing"$.*?^}$', VERSIONS.read_text(), re.MULTILINE | re.DOTALL)
    assert re.search(r"user_project_override += true\n +billing_project +=", provider)


def test_the_budget_of_bytes_is_told_to_each_function_that_takes_messages(deployed: State) -> None:
    for name in ("parse", "features", "deadletter"):
        function = deployed.values(f'module.stage["{name}"].google_cloudfunctions2_function.this')
        environment = function["service_config"][0]["environment_variables"]
        assert environment["MAX_BYTES_IN_FLIGHT"] == str(32 * 2**20)


def test_functions_wait_until_writers_see_a_new_column(deployed: State) -> None:
    wait = deployed.values("time_sleep.schemas")
    assert wait["create_duration"] == "300s"
    columns = {
        path.stem: [
            [column["name"], column["type"], column["mode"]] for column in json.loads(path.read_text())
        ]
        for path in SCHEMAS.glob("*.json")
    }
    text = json.dumps(columns, sort_keys=True, separators=(",", ":"))
    assert wait["triggers"]["columns"] == sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("path", sorted((ROOT / "terraform").glob("*.tf")), ids=lambda path: path.stem)
def test_nothing_follows_from_a_tables_schema_in_bigquerys_words(path: Path) -> None:
    """It answers INTEGER where our files say INT64, and Terraform ends an apply that learns of another value
    than its plan knew. No stand-in rewords."""
    assert not re.search(r"\.schema\b", path.read_text())


def test_alerts_wait_until_monitoring_knows_a_new_metric_or_a_new_label_of_one(deployed: State) -> None:
    wait = deployed.values("time_sleep.log_metrics")
    assert wait["create_duration"] == "600s"
    known = wait["triggers"]["metrics"].split(",")
    assert "logging.googleapis.com/user/cqc/flushes shard status" in known
    assert "logging.googleapis.com/user/cqc/heartbeats" in known


def test_alerts_are_billed_for_as_many_metrics_as_they_name(deployed: State) -> None:
    """To a fifth: a new alert need not change the bill's page."""
    named = 0
    for policy in deployed.of_type("google_monitoring_alert_policy"):
        for condition in policy.values["conditions"]:
            (threshold,) = condition["condition_threshold"]
            named += 2 if threshold["denominator_filter"] else 1
    assert named == pytest.approx(assumptions.ALERT_METRICS, rel=0.2)
