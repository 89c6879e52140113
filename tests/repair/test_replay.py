"""Replays on a running chain: no count changes, whatever is sent again and however often."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from functions.deadletter.triage import row_of
from shared.dead_letters.record import DeadLetterRecord, read_hints
from shared.errors import ErrorType
from shared.tables.columns import STREAMING_ERRORS
from tests.repair.helpers import FAILURES_OF, ROWS_OF, counts, event, number, publish, until_number
from tests.repair.scratch import THEN, ScratchPipeline
from tests.support.chain import STAND_IN, Run
from tests.support.command_line import Invoke
from tests.support.polling import until
from tools.pipeline.pubsub import PubSub
from tools.replay.shapes import Shape

pytestmark = pytest.mark.parametrize("chain", [STAND_IN], ids=str, indirect=True)


def rows(run: Run) -> int:
    return number(
        run, "SELECT (SELECT COUNT(*) FROM realtime_features) + (SELECT COUNT(*) FROM streaming_errors)"
    )


def until_rows(run: Run, least: int) -> None:
    until(lambda: rows(run), f"{least} rows", lambda found: found >= least)


def test_replaying_anything_twice_changes_no_count(run: Run, invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    # A line without an event_id got its identity from its message, which a file does not hold.
    file.write_bytes(b"\n".join([line for line in run.lines if read_hints(line).event_id][:100]))
    before = counts(run)
    for _ in range(2):
        for source, count in (("--errors", before["dead_letters"]), (str(file), 100)):
            there = rows(run)
            answer = invoke("replay", source, "--to", "topic", "--json")
            assert answer.code == 0, answer.err
            assert json.loads(answer.out)["sent"] == count
            # A late event is a features row and a dead letter, so at least this many.
            until_rows(run, there + int(str(count)))
    assert counts(run) == before


def test_an_event_without_an_id_keeps_the_id_of_its_first_message(run: Run, invoke: Invoke) -> None:
    (message_id,) = publish(run, event(event_id=...))
    until_number(run, 1, ROWS_OF, event_id=message_id)
    before = counts(run)
    for deliveries in (2, 3):
        options = ("--subscription", "monitor", "--event-id", message_id, "--limit", "1", "--to", "topic")
        assert invoke("replay", *options).code == 0
        until_number(run, deliveries, ROWS_OF, event_id=message_id)
    assert counts(run) == before


def test_a_dead_letter_that_fails_again_stays_one_dead_letter_and_counts_its_replays(
    run: Run, invoke: Invoke
) -> None:
    (message_id,) = publish(run, event(event_id=..., metrics=...))
    until_number(run, 1, FAILURES_OF, event_id=message_id)
    before = counts(run)
    for times in (2, 3):
        assert invoke("replay", "--errors", "--event-id", message_id, "--to", "topic").code == 0
        until_number(run, times, FAILURES_OF, event_id=message_id)
    assert counts(run) == before
    attributes = "JSON_VALUE(attributes, '$.replay_of'), JSON_VALUE(attributes, '$.replay_count')"
    latest = f"SELECT {attributes} FROM streaming_errors_unique WHERE event_id = @event_id"
    replay_of, replay_count = run.warehouse.query(latest, event_id=message_id).rows[0]
    assert str(replay_of).startswith("parse/schema_error/")
    assert replay_count == "2"


def test_events_without_an_id_in_a_file_count_once_however_often_it_is_replayed(
    run: Run, invoke: Invoke, tmp_path: Path
) -> None:
    sent = event(event_id=...)
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(sent))
    of_location = "realtime_features WHERE location_id = @location"
    sql = f"SELECT COUNT(*) FROM {of_location}"
    for times in (1, 2):
        assert invoke("replay", str(file), "--to", "topic").code == 0
        until_number(run, times, sql, location=str(sent["location_id"]))
    distinct = f"SELECT COUNT(DISTINCT event_id) FROM {of_location}"
    assert number(run, distinct, location=str(sent["location_id"])) == 1


@pytest.mark.parametrize("shape", Shape)
def test_a_function_accepts_every_shape(run: Run, invoke: Invoke, tmp_path: Path, shape: Shape) -> None:
    sent = event()
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(sent))
    answer = invoke("replay", str(file), "--to", run.chain.address.functions["parse"], "--as", shape)
    assert answer.code == 0, answer.err
    until_number(run, 1, ROWS_OF, event_id=str(sent["event_id"]))


def test_failures_of_features_go_back_to_features(run: Run, invoke: Invoke) -> None:
    lost = event(event_timestamp="2026-01-31T12:00:00Z", processing_timestamp="2026-01-31T12:00:01Z")
    publish(run, lost, topic="parsed")
    event_id = str(lost["event_id"])
    until_number(run, 1, FAILURES_OF, event_id=event_id)
    selection = ("--errors", "--event-id", event_id, "--stage", "features")
    assert "topics/dashboard-events-parsed" in invoke("replay", *selection, "--dry-run", "--json").out
    assert invoke("replay", *selection, "--to", "function").code == 0
    until_number(run, 2, FAILURES_OF, event_id=event_id)


def test_what_holds_no_event_does_not_use_up_the_limit(scratch: ScratchPipeline, invoke: Invoke) -> None:
    def dead_letter(stage: str, minute: int) -> DeadLetterRecord:
        return DeadLetterRecord(
            error_type=ErrorType.UNEXPECTED_ERROR,
            error_message="",
            stage=stage,
            event_id=f"e-{minute}",
            payload=b"{}",
            error_timestamp=THEN + timedelta(minutes=minute),
            pipeline_version="1",
        )

    stages = enumerate(("aggregate", "aggregate", "parse", "parse"))
    scratch.append(STREAMING_ERRORS, [row_of(dead_letter(stage, minute)) for minute, stage in stages])
    plan = ("replay", "--errors", "--limit", "1", "--dry-run", "--json", "--chain", str(scratch.file))
    assert [planned["event_id"] for planned in json.loads(invoke(*plan).out)] == ["e-2"]


def test_a_pulled_message_is_acknowledged_only_after_its_replay(
    run: Run, invoke: Invoke, tmp_path: Path
) -> None:
    chain = run.chain.address
    name = "dead-letters-of-this-test"
    with closing(PubSub(chain.pubsub)) as pubsub:
        path = f"projects/{chain.project}/subscriptions/{name}"
        pubsub.subscriber.create_subscription(name=path, topic=chain.topics["dead_letter"])
        (message_id,) = publish(run, event(event_id=..., metrics=...))
        until_number(run, 1, FAILURES_OF, event_id=message_id)
        pull = ("--subscription", name, "--limit", "1", "--failed", str(tmp_path))
        assert message_id in invoke("replay", *pull, "--dry-run").out
        with refusing() as url:
            refused = invoke("replay", *pull, "--to", url)
            assert refused.code == 1
            assert "503: the sink is down" in refused.err
        assert invoke("replay", *pull, "--to", chain.functions["parse"]).code == 0
        until_number(run, 2, FAILURES_OF, event_id=message_id)
        # The failure of the replay has arrived meanwhile: the first message is gone.
        second = invoke("replay", *pull, "--dry-run").out
        assert "parse/schema_error" in second
        pubsub.subscriber.delete_subscription(subscription=path)
    saved = tmp_path / f"parse-{message_id}.json"
    assert invoke("replay", str(saved), "--to", "topic").code == 0
    until_number(run, 3, FAILURES_OF, event_id=message_id)


def test_a_seek_redelivers_and_changes_no_count(run: Run, invoke: Invoke) -> None:
    sent = event()
    publish(run, sent)
    event_id = str(sent["event_id"])
    until_number(run, 1, ROWS_OF, event_id=event_id)
    before = counts(run)
    answer = invoke("replay", "--seek-subscription", "dashboard-events-parse", "--to-time", "1m")
    assert answer.code == 0, answer.err
    until_number(run, 2, ROWS_OF, event_id=event_id)
    until(lambda: counts(run), f"{before} again", lambda found: found == before)


def test_the_dry_run_of_a_seek_redelivers_nothing(run: Run, invoke: Invoke) -> None:
    chain = run.chain.address
    seek = ("--seek-subscription", "seek-of-this-test", "--to-time", "1h")
    with closing(PubSub(chain.pubsub)) as pubsub:
        path = f"projects/{chain.project}/subscriptions/seek-of-this-test"
        pubsub.subscriber.create_subscription(name=path, topic=chain.topics["events"])
        message_ids = set(publish(run, event()))
        (received,) = pubsub.subscriber.pull(subscription=path, max_messages=1).received_messages
        pubsub.subscriber.acknowledge(subscription=path, ack_ids=[received.ack_id])
        dry = invoke("replay", *seek, "--dry-run", "--json")
        assert json.loads(dry.out)["dry_run"] is True
        assert invoke("replay", "--subscription", "seek-of-this-test", "--dry-run", "--json").out == "[]\n"
        assert invoke("replay", *seek).code == 0
        again = pubsub.subscriber.pull(subscription=path, max_messages=9).received_messages
        pubsub.subscriber.delete_subscription(subscription=path)
    assert {message.message.message_id for message in again} == message_ids


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (("none", "--to-time", "1m"), "can't seek projects/cqc-local/subscriptions/none"),
        (("monitor", "--to-snapshot", "s"), "this Pub/Sub can't seek"),
    ],
)
def test_a_subscription_that_cannot_seek(invoke: Invoke, target: tuple[str, ...], sentence: str) -> None:
    answer = invoke("replay", "--seek-subscription", *target)
    assert sentence in answer.err
    assert answer.code == 2


def test_a_push_subscription_cannot_be_pulled(invoke: Invoke) -> None:
    answer = invoke("replay", "--subscription", "dead-letter", "--to", "topic")
    assert "pushes to its function, so it can't be pulled from: take the rows with --errors" in answer.err
    assert answer.code == 2


def test_a_missing_event_or_subscription_is_named(invoke: Invoke) -> None:
    answer = invoke("replay", "--errors", "--event-id", "no-such-event", "--to", "topic")
    assert "streaming_errors has no dead letter of event no-such-event" in answer.err
    assert answer.code == 2
    answer = invoke("replay", "--subscription", "none", "--to", "topic")
    assert "there is no subscription projects/cqc-local/subscriptions/none" in answer.err
    assert answer.code == 2


@contextmanager
def refusing() -> Iterator[str]:
    """The URL of a function that answers 503."""

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(503)
            self.end_headers()
            self.wfile.write(b"the sink is down\n")

        def log_message(self, format: str, *args: object) -> None:
            """Keeps stderr for the command."""

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
