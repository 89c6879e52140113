"""How the parts of the local chain are started: with which command, settings and addresses."""

import pytest
from google.pubsub_v1.types import PushConfig, Subscription

from tools.faults.plan import Plan
from tools.local.parts import Misbehaviour, PartsKind, address, all_parts
from tools.local.ports import ORDER
from tools.local.process import Part
from tools.paths import ROOT
from tools.pipeline.address import Driver
from tools.pipeline.pubsub import subscriptions

PORTS = {name: 8600 + number for number, name in enumerate(ORDER)}


def parts(driver: Driver, plan: Plan | None = None) -> dict[str, Part]:
    faults = Misbehaviour(plan, ROOT / "faults") if plan else None
    chain = address(PORTS, driver=driver)
    return {part.name: part for part in all_parts(PartsKind.STAND_IN, PORTS, chain, faults=faults)}


def module(part: Part) -> list[str]:
    """What stands behind `python -m`."""
    _, _, *words = part.command
    return words


def test_the_functions_that_take_messages_pull_them_and_the_flush_is_called_all_the_same() -> None:
    pushed, pulled = parts(Driver.PUSH), parts(Driver.PULL)
    for name in ("parse", "features", "deadletter"):
        assert module(pulled[name]) == ["functions.pulling", name]
        assert module(pushed[name])[0] == "functions_framework"
    assert pulled["aggregate"] == pushed["aggregate"]
    assert list(address(PORTS, driver=Driver.PULL).functions) == ["aggregate"]


def test_whichever_way_its_messages_come_a_function_has_the_same_settings_but_for_its_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BATCH_MAX_EVENTS", "7")
    pushed, pulled = parts(Driver.PUSH)["parse"].environment, parts(Driver.PULL)["parse"].environment
    own = {"SUBSCRIPTION": "dashboard-events-parse", "BATCH_LINGER_MS": "100.0"}
    assert pulled == {**pushed, **own}
    assert pulled["BATCH_MAX_EVENTS"] == "7"
    monkeypatch.delenv("BATCH_MAX_EVENTS")
    assert parts(Driver.PULL)["parse"].environment["BATCH_MAX_EVENTS"] == "200"


def test_a_function_pulls_from_its_own_subscription_and_says_so_whatever_the_user_s_environment_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUBSCRIPTION", "another")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    started = parts(Driver.PULL)
    assert started["deadletter"].environment["SUBSCRIPTION"] == "dashboard-events-dead-letter-deadletter"
    assert started["deadletter"].environment["LOG_LEVEL"] == "INFO"
    assert started["aggregate"].environment["LOG_LEVEL"] == "ERROR"


def test_a_clock_that_is_wrong_is_the_pulling_process_s_own() -> None:
    plan = Plan(heals_at=9, clocks={"parse": [30, -30]})
    assert module(parts(Driver.PULL, plan)["parse"])[2:] == ["30,-30", "functions.pulling", "parse"]


def test_the_subscriptions_of_both_drivers_differ_in_their_endpoint_alone() -> None:
    pushing = subscriptions(address(PORTS))
    pulled = subscriptions(address(PORTS, driver=Driver.PULL))
    assert [each.push_config.push_endpoint for each in pulled] == [""] * 4
    assert pushing[0].push_config.push_endpoint == "http://127.0.0.1:8605"
    for each in (*pushing, *pulled):
        each.push_config = PushConfig()
    assert pulled == pushing


def test_the_subscriptions_of_google_s_emulators_have_no_backoff_and_are_the_same_otherwise() -> None:
    usual = subscriptions(address(PORTS))
    emulated = subscriptions(address(PORTS, parts=PartsKind.EMULATORS))
    assert [bool(each.retry_policy) for each in (*usual, *emulated)] == [True] * 3 + [False] * 5
    for each in usual:
        Subscription.pb(each).ClearField("retry_policy")
    assert emulated == usual
