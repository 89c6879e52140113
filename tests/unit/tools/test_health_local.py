"""The facts of a local chain, from the stand-in's state and the parts' logs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.topology import SUBSCRIPTIONS
from tools.errors import CommandError
from tools.health import local
from tools.health.answers import (
    ACKNOWLEDGED,
    GIVEN_BACK,
    LEASE_RAN_OUT,
    NO_ANSWER,
    Answers,
    answer_of,
    sentence_of,
)
from tools.health.facts import Backlog, Flow, Latency, Switch
from tools.pipeline.pubsub_state import Acknowledged, PubSubState, SubscriptionState
from tools.quantiles import quantile

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ENGAGED = b'{"severity":"ERROR","message":"m","stage":"parse","event":"dead_letter_brake_engaged"}\n'
RELEASED = ENGAGED.replace(b"engaged", b"released")
UNAVAILABLE = b'{"severity":"ERROR","message":"m","stage":"features","event":"online_store_unavailable"}\n'
PULL_STARTED = b'{"severity":"INFO","message":"m","stage":"parse","event":"pull_started"}\n'
PULL_ENDED = PULL_STARTED.replace(b"started", b"ended")
RETRIED = (
    b'{"severity":"ERROR","message":"message 7 failed and Pub/Sub will deliver it again: BigQuery '
    b'took no rows: at all","stage":"features","event":"message_retried"}\n'
)


def subscription(**changes: object) -> SubscriptionState:
    empty: dict[str, object] = {
        "undelivered": 0,
        "oldest": None,
        "retried": 0,
        "attempts": 0,
        "answers": {},
        "acknowledged": [],
    }
    return SubscriptionState.model_validate(empty | changes)


def state(function: str, **changes: object) -> PubSubState:
    name = f"projects/p/subscriptions/{SUBSCRIPTIONS[function]}"
    return PubSubState(subscriptions={name: subscription(**changes)})


def test_a_backlogs_age_is_that_of_its_oldest_message_and_never_negative() -> None:
    seen = state("parse", undelivered=3, oldest=NOW - timedelta(seconds=90), retried=2, attempts=4)
    assert local.backlogs(seen, NOW) == {"dashboard-events-parse": Backlog(3, 90.0, 2, 4)}
    ahead = state("parse", undelivered=1, oldest=NOW + timedelta(seconds=1))
    assert local.backlogs(ahead, NOW)["dashboard-events-parse"].oldest == 0.0


def test_answers_are_counted_by_status_and_what_is_not_answered_is_named() -> None:
    seen = local.answers(state("parse", answers={204: 60, 503: 5, 0: 1}))
    assert seen == {"parse": Answers({"204": 60, "503": 5, NO_ANSWER: 1})}
    assert local.flows(seen) == {"parse": Flow(given=66 / 60, done=1.0)}


def test_what_a_function_that_pulls_does_with_messages_is_named_and_judged_like_an_answer() -> None:
    seen = local.answers(state("parse", answers={204: 60, 503: 5, 0: 1}), pulled=["parse"])
    assert seen == {"parse": Answers({ACKNOWLEDGED: 60, GIVEN_BACK: 5, LEASE_RAN_OUT: 1})}
    assert seen["parse"].accepted == 60
    assert seen["parse"].failed == {GIVEN_BACK: 5, LEASE_RAN_OUT: 1}


@pytest.mark.parametrize(
    ("answer", "is_pulled", "sentence"),
    [
        (503, False, "parse answered 503 to delivery 3"),
        (0, False, "parse answered nothing to delivery 3"),
        (503, True, "parse gave delivery 3 back"),
        (0, True, "parse did not settle delivery 3 in time"),
    ],
)
def test_a_delivery_that_failed_is_told_by_what_the_function_did(
    answer: int, is_pulled: bool, sentence: str
) -> None:
    assert sentence_of("parse", answer_of(answer, is_pulled), 3) == sentence


def test_an_event_takes_from_its_producers_publish_until_features_has_its_row() -> None:
    done = [
        Acknowledged(
            attributes={"event_id": name},
            published=NOW - timedelta(seconds=1),
            acknowledged=NOW + timedelta(seconds=late),
        )
        for name, late in (("a", 1), ("b", 3), ("heartbeat", 9))
    ]
    seen = state("features", acknowledged=done)
    assert local.latencies(seen, {"a": NOW, "b": NOW}) == [Latency("publish to row", 1.0, 3.0, 2)]
    assert local.latencies(seen, {}) == []
    assert local.latencies(PubSubState(subscriptions={}), {"a": NOW}) == []


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 2), (0.99, 4), (1.0, 4)])
def test_a_quantile_is_a_value_that_was_seen(share: float, value: float) -> None:
    assert quantile([1, 2, 3, 4], share) == value


@pytest.mark.parametrize(
    ("log", "brake", "online"),
    [
        (b"", False, False),
        (ENGAGED, True, False),
        (ENGAGED + RELEASED, False, False),
        (ENGAGED + RELEASED + UNAVAILABLE + ENGAGED, True, True),
        (b'{"message":"a text with \\"event\\":\\"dead_letter_brake_engaged\\" in it"}\n', False, False),
    ],
)
def test_the_last_line_about_a_switch_says_how_it_stands(log: bytes, brake: bool, online: bool) -> None:
    seen = local.logged(log)
    assert (seen.brake, seen.online_store) == (Switch(brake), Switch(online))


@pytest.mark.parametrize(
    ("log", "pulls"),
    [
        (b"", False),
        (PULL_STARTED + RETRIED, True),
        (PULL_STARTED + PULL_ENDED, False),
        (PULL_STARTED + PULL_ENDED + PULL_STARTED, True),
    ],
)
def test_a_function_pulls_from_the_line_that_says_so_until_its_stream_ends(log: bytes, pulls: bool) -> None:
    assert local.logged(log).pulls is pulls


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (ENGAGED, ""),
        (RETRIED + ENGAGED, "BigQuery took no rows: at all"),
        (RETRIED[:-3], ""),
        (b'{"message":7,"event":"message_retried"}\n', ""),
    ],
)
def test_the_reason_of_the_last_retry_is_read_as_far_as_it_is_written(log: bytes, reason: str) -> None:
    assert local.logged(log).retry == reason


def test_an_empty_log_says_nothing_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    empty = tmp_path / "parse.log"
    empty.touch()
    assert local.read_log(empty) == local.logged(b"")
    with pytest.raises(CommandError, match=r"nowhere.log can't be read \(No such file"):
        local.read_log(tmp_path / "nowhere.log")
