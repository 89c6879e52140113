"""What `cqc explain` shows for an event that was counted, one that was rejected, and an unknown one."""

import json
from uuid import uuid4

import pytest

from tests.repair.helpers import FAILURES_OF, ROWS_OF, event, publish, until_number
from tests.support.chain import STAND_IN, Run
from tests.support.command_line import Invoke
from tools.pipeline.flushing import flush

pytestmark = pytest.mark.parametrize("chain", [STAND_IN], ids=str, indirect=True)


def arrive(run: Run, sent: dict[str, object]) -> str:
    """Publishes the event and waits for its row."""
    publish(run, sent)
    event_id = str(sent["event_id"])
    until_number(run, 1, ROWS_OF, event_id=event_id)
    return event_id


def test_an_event_is_followed_from_its_producer_to_the_pane_that_counted_it(run: Run, invoke: Invoke) -> None:
    first = event()
    flush_url = run.chain.address.functions["aggregate"]
    arrive(run, first)
    flush(flush_url)
    second = arrive(run, event(location_id=first["location_id"], timestamp=first["timestamp"]))
    assert not json.loads(invoke("explain", second, "--json").out)["window"]["counted"]
    assert "for good, counts it when it runs next (`cqc flush`)" in " ".join(
        invoke("explain", second).out.split()
    )
    flush(flush_url)

    known = json.loads(invoke("explain", second, "--json").out)

    steps = [step["step"] for step in known["timeline"]]
    assert steps[:3] == ["happened, says its producer", "published", "parsed"]
    assert steps[3].startswith("counted, in pane 2 of its window")
    assert all(step["seconds_later"] >= 0 for step in known["timeline"][1:])
    # The flush that made pane 1 may have been at work still when the event came, for all that is stored.
    before, after = (pane["counts_the_event"] for pane in known["window"]["panes"])
    assert (before in (False, None), after) == (True, True)
    assert known["online"]["rating_change_direction"]["value"] == "declined"
    assert known["dead_letters"] == known["replays"] == []


def test_of_two_events_with_the_same_time_each_shows_its_own_values(run: Run, invoke: Invoke) -> None:
    first = event()
    rating = arrive(run, first)
    same = {"location_id": first["location_id"], "timestamp": first["timestamp"]}
    alert = arrive(run, event(event_type="compliance_alert", metrics={"severity": "high"}, **same))
    assert "alert_severity" not in json.loads(invoke("explain", rating, "--json").out)["online"]
    assert "rating_change_direction" not in json.loads(invoke("explain", alert, "--json").out)["online"]


def test_what_its_producer_wrote_does_not_steer_the_terminal(run: Run, invoke: Invoke) -> None:
    event_id = arrive(run, event(location_id=f"{uuid4()}\x1b]0;title\x07"))
    answer = invoke("explain", event_id)
    assert (answer.code, answer.out.replace("\n", "").isprintable()) == (0, True)
    assert r"\x1b]0;title\x07" in answer.out


def test_redeliveries_and_replays_are_shown_and_do_not_count(run: Run, invoke: Invoke) -> None:
    event_id = arrive(run, event())
    options = ("--subscription", "monitor", "--event-id", event_id, "--limit", "1", "--to", "topic")
    assert invoke("replay", *options).code == 0
    until_number(run, 2, ROWS_OF, event_id=event_id)
    said = invoke("explain", event_id)
    assert "It has 2 rows: 1 of a redelivery or replay, which do not count." in said.out
    assert "Replays and redrives" in said.out


def test_a_dead_letter_is_explained_by_its_reason(run: Run, invoke: Invoke) -> None:
    (message_id,) = publish(run, event(event_id=..., metrics=...))
    until_number(run, 1, FAILURES_OF, event_id=message_id)
    said = invoke("explain", message_id)
    assert said.code == 0
    assert "It has no features row: it was dead-lettered." in said.out
    (failure,) = json.loads(invoke("explain", message_id, "--json").out)["dead_letters"]
    assert failure["error_message"] == "metrics: is missing"


def test_an_unknown_id_is_answered_with_where_it_was_searched(invoke: Invoke) -> None:
    answer = invoke("explain", "no-such-event")
    assert answer.code == 2
    assert (
        "nothing is known about event no-such-event: it is not in realtime_features, streaming_errors or"
        in answer.err
    )
    assert "replays of cqc-local.cqc_dataset, and not on its way to them." in answer.err
