"""How a message is delivered, and an alert's units: wrong, either shows only when it matters."""

import pytest

from tests.terraform.conftest import State

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900)]


def subscriptions(state: State) -> dict[str, dict[str, object]]:
    return {
        item.values["name"]: dict(item.values)
        for item in state.of_type("google_pubsub_subscription")
        if item.address.startswith("module.stage")
    }


def test_each_function_may_publish_to_the_topics_that_it_writes_to_and_to_no_other(deployed: State) -> None:
    """Keys, as every function's account has the same email in a plan without a cloud."""
    addresses = {item.address for item in deployed.of_type("google_pubsub_topic_iam_member")}
    assert {address for address in addresses if ".publishers[" in address} == {
        f'google_pubsub_topic_iam_member.publishers["{key}"]'
        for key in ("parse-parsed", "parse-dead_letter", "features-dead_letter", "aggregate-dead_letter")
    }


def test_the_flush_is_called_by_post(deployed: State) -> None:
    job = deployed.values("google_cloud_scheduler_job.flush[0]")
    assert job["http_target"][0]["http_method"] == "POST"


def test_every_push_has_a_backoff_and_outlives_a_quiet_topic(deployed: State) -> None:
    pushed = subscriptions(deployed)
    assert len(pushed) == 3
    for name, values in pushed.items():
        assert values["retry_policy"] == [{"minimum_backoff": "1s", "maximum_backoff": "600s"}], name
        assert values["expiration_policy"] == [{"ttl": ""}], name


def test_an_alerts_threshold_is_in_the_unit_of_its_metric(deployed: State) -> None:
    """Latencies are measured in microseconds, dead letters counted a second."""
    thresholds = {
        name: deployed.values(f'google_monitoring_alert_policy.this["{name}"]')["conditions"][0][
            "condition_threshold"
        ][0]["threshold_value"]
        for name in ("push-latency", "dead-letter-rate")
    }
    assert thresholds == {"push-latency": 10_000_000, "dead-letter-rate": pytest.approx(5 / 60)}
