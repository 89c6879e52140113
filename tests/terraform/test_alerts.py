"""What the person on call gets to see of an alert, and when it calls again."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from typer.main import get_group

from tests.terraform.conftest import State
from tools.__main__ import app

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900)]

PROJECT = "--project demo-project"


def alerts(state: State) -> dict[str, Mapping[str, Any]]:
    return {made.address: made.values for made in state.of_type("google_monitoring_alert_policy")}


def threshold(alert: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(alert["conditions"][0]["condition_threshold"][0])


@pytest.fixture(params=["deployed", "features_pulls", "all_pull"])
def state(request: pytest.FixtureRequest) -> State:
    found: State = request.getfixturevalue(request.param)
    return found


def commands(state: State) -> Iterator[tuple[str, str]]:
    for address, alert in alerts(state).items():
        for command in re.findall(r"`([^`]+)`", alert["documentation"][0]["content"]):
            yield address, command


def test_an_alert_says_where_to_look_first_and_where_to_read_on(state: State) -> None:
    for address, alert in alerts(state).items():
        text = alert["documentation"][0]["content"]
        assert f"`cqc doctor {PROJECT} --region europe-west2 --dataset cqc_dataset`" in text, address
        assert "docs/runbook.md" in text, address
        assert "/monitoring/dashboards/" in text, address
        assert len(text) < 8_192, "Monitoring takes no more"


def test_an_alerts_commands_name_the_project_and_can_be_pasted(state: State) -> None:
    """Whoever is called at night has another project, or none, set in gcloud."""
    found = list(commands(state))
    assert {shlex.split(command)[0] for _, command in found} == {"cqc", "gcloud"}
    for address, command in found:
        assert PROJECT in command, (address, command)
        assert not re.search(r"\bNAME\b|\$\{", command), (address, command)


def test_an_alerts_cqc_commands_exist_with_their_options(state: State) -> None:
    known = get_group(app).commands
    for address, command in commands(state):
        if not command.startswith("cqc "):
            continue
        _, name, *words = shlex.split(command)
        taken = {option for parameter in known[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= taken, (address, command)


def test_an_alert_on_one_of_several_says_which(deployed: State) -> None:
    labels = {
        "dead-letter-brake": "metric.label.stage",
        "deliveries-exhausted": "resource.label.subscription_id",
        "error-ratio": "resource.label.service_name",
        "flush-silent": "metric.label.shard",
    }
    for name, label in labels.items():
        (aggregation,) = threshold(alerts(deployed)[f'google_monitoring_alert_policy.this["{name}"]'])[
            "aggregations"
        ]
        assert aggregation["group_by_fields"] == [label], name


def test_what_fails_again_calls_again(state: State) -> None:
    """A metric of failures stops when they do; an incident that went on would hide the next for a day."""
    for address, alert in alerts(state).items():
        condition = threshold(alert)
        if ".this[" not in address or condition["comparison"] != "COMPARISON_GT":
            continue
        if condition["duration"] == "0s":
            assert alert["alert_strategy"][0]["auto_close"] == "1800s", address
        else:
            assert condition["evaluation_missing_data"] == "EVALUATION_MISSING_DATA_INACTIVE", address
            # A gap begins the duration anew, and at night a heartbeat a minute is all that could fail.
            assert condition["aggregations"][0]["alignment_period"] == "120s", address


def test_silence_is_a_failure(deployed: State) -> None:
    for name in ("heartbeat-silent", "flush-silent"):
        alert = alerts(deployed)[f'google_monitoring_alert_policy.this["{name}"]']
        condition = threshold(alert)
        assert (condition["comparison"], condition["threshold_value"]) == ("COMPARISON_LT", 1), name
        assert condition["evaluation_missing_data"] == "EVALUATION_MISSING_DATA_ACTIVE", name
        assert alert["severity"] == "CRITICAL", name
