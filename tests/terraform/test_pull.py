"""Stages that pull: what runs, what it may, what is watched, and that a switch loses nothing."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.delivery.batching import PULLED
from shared.gcp.streaming_pull import LEASE_SECONDS
from shared.topology import PUSHED, subscription_name
from tests.terraform.conftest import State, apply
from tests.terraform.test_deployment import SETTINGS
from tools.generate.package import files

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900)]

FEATURES = subscription_name(PUSHED["features"], "features")
SUBSCRIPTION = f'module.stage["features"].google_pubsub_subscription.this["{FEATURES}"]'
POOL = 'module.stage["features"].google_cloud_run_v2_worker_pool.this["on"]'
FUNCTION = 'module.stage["features"].google_cloudfunctions2_function.this'


def container(state: State, stage: str) -> dict[str, object]:
    pool = state.values(f'module.stage["{stage}"].google_cloud_run_v2_worker_pool.this["on"]')
    ((made,),) = (template["containers"] for template in pool["template"])
    return dict(made)


def subscription(state: State, stage: str) -> dict[str, object]:
    name = subscription_name(PUSHED[stage], stage)
    return dict(state.values(f'module.stage["{stage}"].google_pubsub_subscription.this["{name}"]'))


def environment(state: State, stage: str) -> dict[str, str]:
    variables = container(state, stage)["env"]
    assert isinstance(variables, list)
    return {variable["name"]: variable["value"] for variable in variables}


@pytest.mark.parametrize("stage", PUSHED)
def test_a_worker_pool_starts_with_the_settings_that_it_gets(
    all_pull: State, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(all_pull, stage)
    assert {key.lower() for key in given} <= SETTINGS[stage].model_fields.keys()
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    assert SETTINGS[stage]().model_dump()["subscription"] == subscription(all_pull, stage)["name"]


@pytest.mark.parametrize("stage", PUSHED)
def test_a_worker_pool_is_told_what_its_function_is_but_for_its_batches(all_pull: State, stage: str) -> None:
    function = all_pull.values(f'module.stage["{stage}"].google_cloudfunctions2_function.this')
    told = function["service_config"][0]["environment_variables"]
    expected = {key: value for key, value in told.items() if key != "LOG_EXECUTION_ID"}
    assert environment(all_pull, stage) == expected | {
        "BATCH_MAX_EVENTS": str(PULLED.max_items),
        "BATCH_LINGER_MS": f"{PULLED.linger_seconds * 1000:g}",
        "SUBSCRIPTION": str(subscription(all_pull, stage)["name"]),
    }


@pytest.mark.parametrize("stage", ["parse", "features"])
def test_a_worker_pool_runs_the_program_that_is_in_its_package(all_pull: State, stage: str) -> None:
    made = container(all_pull, stage)
    assert made["command"] == ["/cnb/lifecycle/launcher"]
    assert made["args"] == ["--", "python3", "-m", "functions.pulling", stage]
    assert {"functions/pulling.py", f"functions/{stage}/main.py"} <= files(stage).keys()


def test_a_subscription_that_is_pulled_differs_in_its_push_and_its_lease_only(
    deployed: State, all_pull: State
) -> None:
    of_the_run = {"id", "project", "topic", "dead_letter_policy"}
    """Random values, that compare to nothing."""
    for stage in PUSHED:
        pushed, pulled = subscription(deployed, stage), subscription(all_pull, stage)
        differing = {key for key in pushed if pushed[key] != pulled[key]}
        assert differing - of_the_run == {"push_config", "ack_deadline_seconds"}, stage
        assert pulled["push_config"] == []
        assert pulled["ack_deadline_seconds"] == LEASE_SECONDS
        assert bool(pulled["dead_letter_policy"]) is (stage != "deadletter")


def test_each_stage_that_pulls_may_read_its_own_subscription_and_no_other(all_pull: State) -> None:
    granted = {
        (item.values["member"].split("@")[0], item.values["subscription"])
        for item in all_pull.of_type("google_pubsub_subscription_iam_member")
        if ".puller[" in item.address and item.values["role"] == "roles/pubsub.subscriber"
    }
    assert granted == {
        (f"serviceAccount:cqc-{stage}", subscription(all_pull, stage)["id"]) for stage in PUSHED
    }


def filters(state: State) -> dict[str, str]:
    """Each alert's and each goal's, as one text."""
    return {
        made.address: json.dumps([made.values.get("conditions"), made.values.get("request_based_sli")])
        for made in state.of_type("google_monitoring_alert_policy", "google_monitoring_slo")
    }


@pytest.mark.parametrize("which", ["deployed", "features_pulls", "all_pull"])
def test_no_filter_is_of_nothing(which: str, request: pytest.FixtureRequest) -> None:
    """Monitoring refuses an empty one_of."""
    state: State = request.getfixturevalue(which)
    dashboard = state.values("google_monitoring_dashboard.this")["dashboard_json"]
    for where, text in (filters(state) | {"dashboard": dashboard}).items():
        assert "one_of()" not in text, where


def test_nothing_that_is_watched_counts_pushes_where_all_stages_pull(all_pull: State) -> None:
    assert [where for where, text in filters(all_pull).items() if "/push_" in text] == []


def test_where_one_stage_pulls_each_is_watched_by_its_own_drivers_metrics(features_pulls: State) -> None:
    found = filters(features_pulls)
    parse, features = (found[f'google_monitoring_slo.this["{stage}"]'] for stage in ("parse", "features"))
    assert "push_request_count" in parse
    assert "ack_message_count" in features
    assert "sent_message_count" in features
    for name, alert in found.items():
        if "/push_" in alert:
            assert FEATURES not in alert, name


def test_a_stage_that_nobody_pulls_is_critical_also_while_nothing_comes(features_pulls: State) -> None:
    policy = features_pulls.values('google_monitoring_alert_policy.this["nobody-pulls-features"]')
    (condition,) = policy["conditions"][0]["condition_threshold"]
    assert policy["severity"] == "CRITICAL"
    assert "open_streaming_pulls" in condition["filter"]
    assert FEATURES in condition["filter"]
    assert condition["evaluation_missing_data"] == "EVALUATION_MISSING_DATA_ACTIVE"


def test_the_lines_of_a_worker_pool_are_counted(features_pulls: State) -> None:
    for name in ("dead_letters", "brake_engaged", "heartbeat_latency"):
        text = features_pulls.values(f'google_logging_metric.this["{name}"]')["filter"]
        assert 'resource.type="cloud_run_worker_pool"' in text, name
    found = filters(features_pulls)
    for name in ('slo.this["freshness"]', 'alert_policy.this["heartbeat-silent"]'):
        assert "cloud_run_worker_pool" in found[f"google_monitoring_{name}"]
    rejected = found['google_monitoring_alert_policy.this["dead-letter-rate"]']
    assert {"cloud_run_revision", "cloud_run_worker_pool"} <= set(re.findall(r"\w+", rejected))


@pytest.fixture(scope="module")
def switched(applied: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sequence[tuple[str, str]]]:
    """From push to pull and back."""
    state = Path(shutil.copy(applied, tmp_path_factory.mktemp("switched")))
    return {
        "there": apply(state, '-var=drivers={features="pull"}'),
        "back": apply(state, '-var=drivers={features="push"}'),
    }


@pytest.mark.parametrize("way", ["there", "back"])
def test_a_switch_updates_the_subscription_and_builds_nothing(
    switched: dict[str, Sequence[tuple[str, str]]], way: str
) -> None:
    done = {address: action for action, address in switched[way]}
    assert done[SUBSCRIPTION] == "update"
    assert FUNCTION not in done
    assert [address for address in done if "guard" in address or "_topic." in address] == []


def test_a_stage_is_pushed_to_until_its_worker_pool_is_there(
    switched: dict[str, Sequence[tuple[str, str]]],
) -> None:
    done = switched["there"]
    assert done.index(("create", POOL)) < done.index(("update", SUBSCRIPTION))
