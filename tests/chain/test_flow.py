"""Nothing flows, and the doctor and the status say so: on one chain, broken in one way after another."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import pytest

from tests.support.chain import command
from tests.support.polling import until
from tools.doctor.checkup import checkup
from tools.doctor.findings import Finding, Verdict
from tools.health.collect import collect
from tools.health.facts import Facts
from tools.local.chain import Chain, ChainOptions
from tools.pipeline.connect import connect_warehouse
from tools.pipeline.deployment import Pipeline, PipelineOptions, locate
from tools.pipeline.side_by_side import Missing
from tools.status.document import document

pytestmark = pytest.mark.outages

BOUND = 40.0
"""Seconds within which a busy machine shows what happened."""
PARSE, FEATURES = "dashboard-events-parse", "dashboard-events-parsed-features"

Report = dict[str, Finding]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A chain of this module's own, without a schedule for the flush."""
    with Chain(ChainOptions(port_base=0, state=tmp_path_factory.mktemp("flow"))) as chain:
        yield chain


def pipeline(chain: Chain) -> Pipeline:
    return locate(PipelineOptions(chain_file=chain.file))


def doctor(chain: Chain, with_probe: bool = False) -> Report:
    findings = checkup(pipeline(chain), datetime.now(UTC), with_probe)
    return {finding.check: finding for finding in findings}


def facts(chain: Chain) -> Facts:
    return collect(pipeline(chain), datetime.now(UTC))


def once_wrong(chain: Chain, check: str) -> Report:
    """The report that first finds so."""
    return until(
        lambda: doctor(chain),
        f"{check} to be wrong",
        lambda report: report[check].verdict is Verdict.WRONG,
        BOUND,
    )


def explain(chain: Chain, event_id: str) -> str:
    return " ".join(command(chain, "explain", event_id).stdout.decode().split())


def publish(chain: Chain, *events: dict[str, object]) -> None:
    lines = b"\n".join(map(orjson.dumps, events))
    assert command(chain, "publish", "-", stdin=lines).returncode == 0


def good(count: int, name: str) -> list[dict[str, object]]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return [
        {
            "event_id": f"{name}-{number}",
            "location_id": "1-1",
            "event_type": "rating_change",
            "timestamp": now,
            "metrics": {},
        }
        for number in range(count)
    ]


def test_a_probe_goes_through_a_healthy_chain_and_leaves_no_features(broken: Chain) -> None:
    answer = command(broken, "doctor", "--probe", "--json")
    assert (answer.returncode, answer.stderr) == (0, b"")
    (finding,) = (found for found in json.loads(answer.stdout) if found["check"] == "probe")
    assert "went through parse and features within" in finding["detail"]
    found = connect_warehouse(broken.address).query("SELECT COUNT(*) FROM realtime_features").rows
    assert found == [(0,)]


def test_segments_that_wait_are_counted_and_events_are_timed_from_publish_to_row(broken: Chain) -> None:
    publish(broken, *good(30, "good"))
    seen = until(lambda: facts(broken), "30 events' rows", lambda seen: is_through(seen, 30), BOUND)
    shown = document(seen, "chain")
    assert shown["missing"] == {}
    assert not isinstance(seen.latencies, Missing)
    assert not isinstance(seen.flush, Missing)
    (latency,) = seen.latencies
    assert 0 < latency.p50 <= latency.p99 < BOUND
    assert int(seen.flush.segments) > 0
    assert seen.flush.oldest > 0
    flush = doctor(broken)["flush"].detail
    assert f"segments that wait behind its cursor: {seen.flush.segments}, the oldest for" in flush


def is_through(seen: Facts, events: int) -> bool:
    """Whether so many events have their rows, and were acknowledged."""
    stored = not isinstance(seen.stored, Missing) and seen.stored.rows >= events
    return stored and not isinstance(seen.latencies, Missing) and seen.latencies != []


def test_events_that_are_retried_for_ever_are_found_with_the_reason(broken: Chain) -> None:
    warehouse = connect_warehouse(broken.address)
    warehouse.query("ALTER TABLE realtime_features DROP COLUMN real_time_risk_score")
    publish(broken, *good(20, "retried"))
    try:
        findings = once_wrong(broken, f"backlog of {FEATURES}")
        explained = explain(broken, "retried-1")
    finally:
        warehouse.query("ALTER TABLE realtime_features ADD COLUMN real_time_risk_score FLOAT64")
    assert "20 failed before" in findings[f"backlog of {FEATURES}"].detail
    answers = findings["answers of features"]
    assert answers.verdict is Verdict.WRONG
    assert "503 ×" in answers.detail
    assert "the last reason in its log: BigQuery" in answers.detail
    assert "features.log" in answers.fix
    assert f"It is on its way: {FEATURES} holds it, and features answered 503 to delivery" in explained
    assert "deploy the table's schema before the function that writes its columns" in explained


def test_a_frozen_function_holds_the_probe_and_its_subscription_is_named(broken: Chain) -> None:
    (features,) = (process for process in broken.processes if process.name == "features")
    features.signal_group(signal.SIGSTOP)
    try:
        findings = doctor(broken, with_probe=True)
    finally:
        features.signal_group(signal.SIGCONT)
    assert findings["probe"].verdict is Verdict.WRONG
    assert f"{FEATURES} holds it, and features" in findings["probe"].detail
    assert findings["function features"].verdict is Verdict.WRONG


def test_an_event_is_explained_without_the_services_that_are_frozen(broken: Chain) -> None:
    silent = ("pubsub", "firestore", "feature-store")
    frozen = [process for process in broken.processes if process.name in silent]
    for process in frozen:
        process.signal_group(signal.SIGSTOP)
    try:
        explained = explain(broken, "good-1")
        document = json.loads(command(broken, "explain", "good-1", "--json").stdout)
    finally:
        for process in frozen:
            process.signal_group(signal.SIGCONT)
    for unknown in ("Whether it is on its way", "What its window counts", "What the online store serves"):
        assert f"{unknown} can't be said:" in explained
    assert (len(document["missing"]), document["in_flight"], document["window"]) == (3, None, None)
    assert len(document["rows"]) == 1


def test_an_engaged_brake_is_found_with_what_it_holds(broken: Chain) -> None:
    bad: list[dict[str, object]] = [{"event_id": f"bad-{number}"} for number in range(1_500)]
    publish(broken, *bad)
    findings = once_wrong(broken, "dead-letter brake of parse")
    assert "Pub/Sub keeps it; 503 ×" in findings["dead-letter brake of parse"].detail
    assert findings["answers of parse"].verdict is Verdict.WRONG
    once_wrong(broken, f"backlog of {PARSE}")
    shown = command(broken, "status").stdout.decode()
    assert "ENGAGED" in shown
    assert "parse schema_error" in shown
    recorded = connect_warehouse(broken.address).query("SELECT event_id FROM streaming_errors").rows
    held = next(str(event["event_id"]) for event in reversed(bad) if (event["event_id"],) not in recorded)
    explained = explain(broken, held)
    assert f"{PARSE} holds it, and parse answered 503 to delivery" in explained
    assert "its dead-letter brake is engaged" in explained


def test_a_watch_ends_at_ctrl_c_with_0(broken: Chain) -> None:
    arguments = [sys.executable, "-m", "tools", "status", "--watch", "--json", "--every", "0.1"]
    watch = subprocess.Popen(
        [*arguments, "--chain", str(broken.file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert watch.stdout is not None
    try:
        first, second = json.loads(watch.stdout.readline()), json.loads(watch.stdout.readline())
        watch.send_signal(signal.SIGINT)
        _, errors = watch.communicate(timeout=BOUND)
    finally:
        watch.kill()
    assert first["at"] < second["at"]
    assert (watch.returncode, errors) == (0, b"")
