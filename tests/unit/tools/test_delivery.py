"""Pub/Sub keeps delivering for longer than the dead-letter brake may hold a message."""

import re
from collections.abc import Mapping

import pytest

from shared.settings import RejectingSettings
from tools.paths import ROOT
from tools.pipeline.pubsub import DELIVERY_ATTEMPTS, MAX_BACKOFF, MIN_BACKOFF

VARIABLES = ROOT / "terraform" / "variables_functions.tf"
HOUR = 3_600


def lasts(attempts: int, minimum: float, maximum: float) -> float:
    """Seconds from the first attempt to the last: each pause is twice the one before, at most `maximum`."""
    return sum(min(maximum, minimum * 2.0**number) for number in range(attempts - 1))


@pytest.fixture
def deployed() -> Mapping[str, float]:
    """The defaults of Terraform's variable `delivery`."""
    (block,) = re.findall(r'^variable "delivery" \{.*?^\}', VARIABLES.read_text(), re.M | re.S)
    fields = re.findall(r'(\w+)\s*= optional\(\w+, "?(\d+)s?"?\)', block)
    return {name: float(value) for name, value in fields}


def test_a_deployment_redelivers_for_15_hours(deployed: Mapping[str, float]) -> None:
    attempts, pauses = (
        int(deployed["max_attempts"]),
        (deployed["minimum_backoff"], deployed["maximum_backoff"]),
    )
    assert 15 * HOUR < lasts(attempts, *pauses) < 15.5 * HOUR


def test_the_local_chain_redelivers_for_more_than_an_hour() -> None:
    assert 1.5 * HOUR < lasts(DELIVERY_ATTEMPTS, MIN_BACKOFF, MAX_BACKOFF) < 2 * HOUR


def test_both_outlast_the_brakes_period_more_than_five_times(deployed: Mapping[str, float]) -> None:
    period = RejectingSettings.model_fields["dead_letter_brake_period"].default.total_seconds()
    local = lasts(DELIVERY_ATTEMPTS, MIN_BACKOFF, MAX_BACKOFF)
    cloud = lasts(int(deployed["max_attempts"]), deployed["minimum_backoff"], deployed["maximum_backoff"])
    assert min(local, cloud) > 5 * period
