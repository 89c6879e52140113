"""What `cqc explain` says of an event that is on its way."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.google import PULLED, Google, entry, rest
from tools.errors import CommandError
from tools.explain.in_flight import InFlight, of_deployment
from tools.health.answers import GIVEN_BACK
from tools.pipeline.deployment import Deployment
from tools.pipeline.google_rest import Json

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
RETRY = entry(
    "message_retried",
    "a",
    30,
    message="message 7 failed and Pub/Sub will deliver it again: BigQuery: took no rows",
    subscription="projects/p/subscriptions/dashboard-events-parse",
    delivery_attempt=3,
)
WAITING = InFlight("dashboard-events-parse", "parse", 3, "503", reason="", is_braked=False)


def look(answer: Json, since: datetime | None = None) -> tuple[list[InFlight], Google]:
    google = Google(200, json.dumps(answer).encode())
    return list(of_deployment(Deployment(project="p"), rest(google), 'visit-"7"', since, NOW)), google


@pytest.mark.parametrize(
    ("waiting", "sentence"),
    [
        (WAITING, "answered 503 to delivery 3, without a line in its log. Pub/Sub delivers it again."),
        (
            InFlight("s", "parse", 3, "503", reason="Firestore is slow", is_braked=True),
            "s holds it, and parse answered 503 to delivery 3: Firestore is slow. Pub/Sub delivers it again.",
        ),
        (
            InFlight("s", "parse", 3, "503", reason="", is_braked=True),
            "answered 503 to delivery 3: its dead-letter brake is engaged (docs/runbook.md, Rejected events",
        ),
        (
            InFlight("s", "parse", 0, "", reason="", is_braked=True),
            "s holds it, and parse has not answered its first delivery.",
        ),
    ],
)
def test_the_sentence_says_who_holds_it_what_was_answered_and_why(waiting: InFlight, sentence: str) -> None:
    assert sentence in waiting.sentence()


def test_a_deployed_event_waits_where_its_last_retry_was_logged() -> None:
    found, google = look({"entries": [RETRY]}, since=NOW - timedelta(hours=1))
    assert found == [
        InFlight("dashboard-events-parse", "parse", 3, "an error", "BigQuery: took no rows", is_braked=False)
    ]
    wanted = json.loads(google.bodies[0])["filter"]
    assert r'jsonPayload.event_id="visit-\"7\"" OR jsonPayload.message_id="visit-\"7\""' in wanted
    assert 'timestamp>="2026-01-31T11:00:00+00:00"' in wanted


def test_a_deployed_event_that_a_worker_pool_gave_back_is_told_so() -> None:
    retry = {**RETRY, "resource": {"labels": PULLED}}
    (found,), _ = look({"entries": [retry]}, since=NOW - timedelta(hours=1))
    assert (found.function, found.answer) == ("features", GIVEN_BACK)
    assert "features gave delivery 3 back: BigQuery: took no rows" in found.sentence()


def test_an_event_that_is_done_waits_nowhere_though_a_brake_is_engaged() -> None:
    found, google = look({"entries": []}, since=NOW)
    assert (found, len(google.urls)) == ([], 1)


def test_what_a_brake_may_hold_is_not_called_unknown() -> None:
    engaged = json.dumps({"entries": [entry("dead_letter_brake_engaged", "a", 10)]}).encode()
    deployment, google = Deployment(project="p"), rest(Google(200, b"{}", engaged))
    with pytest.raises(CommandError, match="leaves no line of its own, and that of parse is engaged"):
        list(of_deployment(deployment, google, "visit-7", None, NOW))
