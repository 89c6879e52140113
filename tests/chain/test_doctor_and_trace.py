"""A chain that collects spans: `cqc trace` follows an event, `cqc doctor` finds what is broken."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import orjson
import pytest
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import PushConfig, RetryPolicy, Subscription

from shared.windows.documents import Documents, Fields, Write
from shared.windows.state import LAYOUT, Control, Layout, Shard
from tests.support.chain import command
from tests.support.polling import until
from tools.commands.trace import trace
from tools.doctor.checkup import checkup
from tools.doctor.findings import Finding, Verdict
from tools.errors import UsageError
from tools.local.chain import Chain, ChainOptions
from tools.pipeline.connect import connect_pubsub, connect_warehouse, with_documents
from tools.pipeline.deployment import PipelineOptions, locate
from tools.pipeline.pubsub import PubSub


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    options = ChainOptions(port_base=0, trace=True, state=tmp_path_factory.mktemp("traced"))
    with Chain(options) as chain:
        yield chain


@pytest.fixture
def pubsub(traced: Chain) -> Iterator[PubSub]:
    client = connect_pubsub(traced.address)
    yield client
    client.close()


def spans(chain: Chain, event_id: str, names: set[str]) -> list[dict[str, Any]]:
    """The event's spans, once there is one of each of these names."""

    def has_them(answer: CompletedProcess[bytes]) -> bool:
        return answer.returncode == 0 and names <= {span["name"] for span in json.loads(answer.stdout)}

    answer = until(lambda: command(chain, "trace", event_id, "--json"), f"the spans {names}", has_them)
    return list(json.loads(answer.stdout))


def test_an_event_is_followed_from_publish_to_its_row(traced: Chain) -> None:
    event = {"event_id": "traced", "location_id": "1-466088203", "event_type": "rating_change", "metrics": {}}
    line = orjson.dumps(event | {"timestamp": datetime.now(UTC)})
    assert command(traced, "publish", "-", stdin=line).returncode == 0
    wanted = {"publish", "parse", "features", "write", "write batch", "append rows"}
    found = spans(traced, "traced", wanted)
    by_id = {span["span_id"]: span for span in found}

    def path(span: dict[str, Any]) -> list[str]:
        """The names from the first span of the trace down to this one."""
        above = by_id.get(span["parent_id"])
        return [*(path(above) if above else []), span["name"]]

    (write,) = (span for span in found if span["name"] == "write")
    assert path(write) == ["publish", "parse", "features", "write"]
    (batch,) = (span for span in found if span["name"] == "write batch")
    assert batch["links"] == [write["span_id"]]
    assert batch["trace_id"] != write["trace_id"]
    (rows,) = (span for span in found if span["name"] == "append rows")
    assert path(rows) == ["write batch", "append rows"]
    assert write["start"] <= batch["start"] <= batch["end"] <= write["end"]
    shown = command(traced, "trace", "latest").stdout.decode()
    assert "of traced" in shown
    assert "    └ write" in shown


def test_a_rejected_event_shows_its_reason_and_the_path_of_its_dead_letter(traced: Chain) -> None:
    assert command(traced, "publish", "-", stdin=b'{"event_id": "bad"}').returncode == 0
    found = spans(traced, "bad", {"publish", "parse", "deadletter", "record"})
    (parse,) = (span for span in found if span["name"] == "parse")
    assert parse["attributes"]["error.type"] == "schema_error"
    (deadletter,) = (span for span in found if span["name"] == "deadletter")
    assert deadletter["trace_id"] == parse["trace_id"]
    assert deadletter["parent_id"] == parse["span_id"]


def test_an_unknown_event_has_no_spans(traced: Chain) -> None:
    answer = command(traced, "trace", "no-such-event")
    assert answer.returncode == 2
    assert b"no event no-such-event" in answer.stderr


def test_a_chain_without_spans_says_how_to_get_them(traced: Chain, tmp_path: Path) -> None:
    file = tmp_path / "chain.json"
    content = json.loads(traced.file.read_bytes())
    del content["otlp"]
    file.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="cqc up --trace"):
        trace("latest", file, as_json=True)


# The tests below break the chain and restore it.

Report = dict[str, dict[str, str]]


def report(chain: Chain) -> tuple[int, Report]:
    answer = command(chain, "doctor", "--json")
    return answer.returncode, {finding["check"]: finding for finding in json.loads(answer.stdout)}


def wrongs(findings: Report) -> dict[str, str]:
    return {check: found["detail"] for check, found in findings.items() if found["verdict"] == Verdict.WRONG}


def test_a_healthy_chain_has_nothing_wrong(traced: Chain) -> None:
    assert command(traced, "flush").returncode == 0
    code, findings = report(traced)
    assert wrongs(findings) == {}
    assert code == 0
    verdicts = [finding["verdict"] for finding in findings.values()]
    assert verdicts.count("ok") >= 20
    assert {check for check, finding in findings.items() if finding["verdict"] == "can't tell"} == {
        "dead-letter IAM",
        "Firestore TTL",
    }
    assert not any(finding["fix"] for finding in findings.values())


@contextmanager
def replaced(pubsub: PubSub, name: str, **changes: object) -> Iterator[None]:
    """The chain without the subscription, or with a changed one; restored at the end."""
    original = pubsub.subscriber.get_subscription(subscription=name)
    pubsub.subscriber.delete_subscription(subscription=name)
    if changes:
        other = Subscription(original)
        for field, value in changes.items():
            setattr(other, field, value)
        pubsub.subscriber.create_subscription(request=other)
    try:
        yield
    finally:
        if changes:
            pubsub.subscriber.delete_subscription(subscription=name)
        pubsub.subscriber.create_subscription(request=original)


def test_a_broken_subscription_is_found_with_the_command_that_fixes_it(traced: Chain, pubsub: PubSub) -> None:
    start = f"projects/{traced.address.project}/subscriptions/dashboard-events"
    short = RetryPolicy(minimum_backoff=Duration(seconds=1), maximum_backoff=Duration(seconds=2))
    with (
        replaced(pubsub, f"{start}-parsed-features"),
        replaced(pubsub, f"{start}-parse", ack_deadline_seconds=10, retry_policy=short),
        replaced(pubsub, f"{start}-dead-letter-deadletter", push_config=PushConfig()),
    ):
        code, findings = report(traced)
    assert code == 1
    assert wrongs(findings) == {
        "subscription dashboard-events-parsed-features": "it does not exist: its messages go nowhere",
        "subscription dashboard-events-parse": "its ack deadline of 10 s is less than a function's 60 s; "
        "its 100 attempts last 3 minutes: too short to fix what is broken",
        "subscription dashboard-events-dead-letter-deadletter": "it pushes to nobody, not to "
        + traced.address.functions["deadletter"],
    }
    assert "cqc up" in findings["subscription dashboard-events-parse"]["fix"]


def test_a_changed_table_and_a_lost_view_are_found(traced: Chain) -> None:
    warehouse = connect_warehouse(traced.address)
    warehouse.query("ALTER TABLE replays DROP COLUMN topic")
    warehouse.query("DROP VIEW streaming_errors_unique")
    code, findings = report(traced)
    assert code == 1
    assert wrongs(findings) == {
        "table replays": "column topic is missing",
        "view streaming_errors_unique": "it does not exist",
    }
    shown = command(traced, "doctor").stdout.decode()
    assert (
        "view streaming_errors_unique: stop `cqc up` with Ctrl-C and start it again, without its data: cqc up"
        in shown
    )
    assert "2 wrong" in shown


@pytest.mark.parametrize(
    ("name", "fields"), [(LAYOUT, Layout().to_fields()), (Shard().control, Control().to_fields())]
)
def test_a_document_of_the_flush_in_a_newer_format_is_found(traced: Chain, name: str, fields: Fields) -> None:
    async def put(documents: Documents, content: Fields) -> None:
        await documents.commit([Write(name, content)])

    with_documents(traced.address, partial(put, content={**fields, "format": 99}))
    try:
        _, findings = report(traced)
    finally:
        with_documents(traced.address, partial(put, content=fields))
    assert wrongs(findings)["flush"].startswith(
        f"Firestore's {name} can't be read (its format is 99, this release reads 1): use the cqc of the"
    )
    assert "cqc up" in findings["flush"]["fix"]


def test_a_service_that_is_down_is_found_and_the_rest_is_still_checked(traced: Chain, tmp_path: Path) -> None:
    file = tmp_path / "chain.json"
    file.write_text(traced.address.model_copy(update={"pubsub": "127.0.0.1:1"}).to_json())
    answer = run_doctor(PipelineOptions(chain_file=file))
    assert answer["Pub/Sub"].verdict is Verdict.WRONG
    assert "does not answer at 127.0.0.1:1" in answer["Pub/Sub"].detail
    assert answer["table realtime_features"].verdict is Verdict.OK


def run_doctor(options: PipelineOptions) -> dict[str, Finding]:
    return {finding.check: finding for finding in checkup(locate(options), datetime.now(UTC))}
