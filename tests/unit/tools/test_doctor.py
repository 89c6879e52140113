"""What the doctor concludes from what it sees: subscriptions, tables, the flush, Google's answers."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import DeadLetterPolicy, ExpirationPolicy, PushConfig, RetryPolicy, Subscription

from shared.clock import to_micros
from shared.tables.columns import STREAMING_ERRORS, json_schema
from shared.windows.documents import Document
from shared.windows.state import Control, Layout, OpenWindow, Shard
from tools.doctor import deployed, tables, windows
from tools.doctor.checkup import local_checks, terraform_apply
from tools.doctor.findings import Finding, Verdict
from tools.doctor.parts import RESTART, parts_of
from tools.doctor.topology import Wiring, complaints, wirings
from tools.health.flush import LOOKED_AT, ShardState
from tools.local.parts import address as address_on
from tools.local.ports import ORDER
from tools.paths import ROOT
from tools.pipeline.address import ChainFile, Driver
from tools.pipeline.deployment import Deployment
from tools.pipeline.google_rest import Json
from tools.pipeline.warehouse import Stored

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
WEEK = Duration(seconds=7 * 24 * 3600)

CHAIN = address_on({name: 8600 + number for number, name in enumerate(ORDER)})
WIRING = Wiring("s", "t", "https://parse", "dead")
TOPICS = {
    "events": "projects/p/topics/e",
    "parsed": "projects/p/topics/e-p",
    "dead_letter": "projects/p/topics/d",
}


def subscription(**changes: object) -> Subscription:
    """A correct subscription, except for the changes."""
    made = Subscription(
        name="s",
        topic="t",
        push_config=PushConfig(push_endpoint="https://parse"),
        ack_deadline_seconds=70,
        message_retention_duration=WEEK,
        retry_policy=RetryPolicy(minimum_backoff=Duration(seconds=1), maximum_backoff=Duration(seconds=600)),
        dead_letter_policy=DeadLetterPolicy(dead_letter_topic="dead", max_delivery_attempts=100),
    )
    for field, value in changes.items():
        setattr(made, field, value)
    return made


def test_a_correct_subscription_has_no_complaint() -> None:
    assert list(complaints(WIRING, subscription())) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"topic": "_deleted-topic_"}, "it reads _deleted-topic_, not t"),
        ({"message_retention_duration": Duration(seconds=3600)}, "it keeps messages for 1 hours, not seven"),
        ({"push_config": PushConfig(push_endpoint="https://old")}, "it pushes to https://old, not to https"),
        ({"push_config": PushConfig()}, "it pushes to nobody"),
        ({"ack_deadline_seconds": 10}, "its ack deadline of 10 s"),
        ({"retry_policy": None}, "it has no backoff"),
        ({"dead_letter_policy": None}, "it has no dead-letter policy"),
        (
            {"dead_letter_policy": DeadLetterPolicy(dead_letter_topic="x", max_delivery_attempts=100)},
            "its dead letters go to x, not to dead",
        ),
        (
            {"dead_letter_policy": DeadLetterPolicy(dead_letter_topic="dead", max_delivery_attempts=5)},
            "its 5 attempts last 0 minutes",
        ),
        (
            {"expiration_policy": ExpirationPolicy(ttl=Duration(seconds=31 * 86_400))},
            "it is deleted after 31 days without activity",
        ),
    ],
)
def test_each_difference_is_a_complaint(changes: Mapping[str, object], complaint: str) -> None:
    (found,) = complaints(WIRING, subscription(**changes))
    assert found.startswith(complaint)


def test_a_subscription_without_dead_letters_never_gives_up_and_a_pull_subscription_does_not_push() -> None:
    keeping = Wiring("s", "t", "https://parse", None)
    assert list(complaints(keeping, subscription())) == ["it forwards messages to dead, but must keep them"]
    assert list(complaints(keeping, subscription(dead_letter_policy=None))) == []
    monitor = Wiring("s", "t", None, None, feeds=False)
    assert list(complaints(monitor, subscription())) == [
        "it pushes to https://parse, but should be a pull subscription"
    ]


def test_a_pull_subscription_that_feeds_a_function_is_held_to_the_rest_as_well() -> None:
    pulled = Wiring("s", "t", None, "dead")
    assert list(complaints(pulled, subscription(push_config=PushConfig()))) == []
    assert list(complaints(pulled, subscription(retry_policy=None))) == [
        "it pushes to https://parse, but should be a pull subscription",
        "it has no backoff: a failing message is redelivered at once, over and over",
    ]


def test_google_s_emulators_have_no_backoff() -> None:
    emulated = replace(WIRING, backs_off=False)
    assert list(complaints(emulated, subscription(retry_policy=None))) == []
    assert [each.backs_off for each in wirings(TOPICS, {}, backing_off=False)] == [False] * 3 + [True]


def test_an_unknown_url_is_no_complaint() -> None:
    parse, *_, monitor = wirings(TOPICS, {})
    assert [wiring.endpoint for wiring in wirings(TOPICS, {}, ["features"])] == ["", None, "", None]
    assert (parse.name, parse.endpoint) == ("projects/p/subscriptions/e-parse", "")
    assert (monitor.name, monitor.endpoint) == ("projects/p/subscriptions/e-monitor", None)
    assert not [text for text in complaints(parse, subscription()) if "pushes" in text]


def test_a_table_is_compared_column_by_column_in_either_of_bigquerys_vocabularies() -> None:
    older = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}
    columns = {
        column["name"]: (older.get(column["type"], column["type"]), column["mode"])
        for column in json_schema(STREAMING_ERRORS)
    }
    extra = {"added_by_somebody": ("STRING", "NULLABLE")}
    assert list(tables.complaints(STREAMING_ERRORS, Stored(columns | extra, False, None))) == []
    columns["stage"] = ("BYTES", "NULLABLE")
    del columns["payload"]
    assert set(tables.complaints(STREAMING_ERRORS, Stored(columns, False, None))) == {
        "column stage is BYTES NULLABLE, not STRING NULLABLE",
        "column payload is missing",
    }


def ago(**since: float) -> int:
    return to_micros(NOW - timedelta(**since))


def waiting(*ages: timedelta) -> list[Document]:
    return [Document(f"window_log/{number}", {}, to_micros(NOW - age), 1) for number, age in enumerate(ages)]


READ = ago(seconds=20)
"""A healthy flush's watermark."""
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("control", "segments", "complaint"),
    [
        (Control(), [], ""),
        (Control(), waiting(MINUTE), ""),
        (
            Control(),
            waiting(MINUTE, 6 * MINUTE),
            "segments that wait behind its cursor: 2, the oldest for 360 s",
        ),
        (Control(3, 3, watermark=READ), waiting(MINUTE / 2), ""),
        (
            Control(3, 3, watermark=ago(minutes=11)),
            [],
            "it has read the log up to 2026-01-31 11:49:00Z: it is not running, or does not keep up",
        ),
        (Control(3, 3, watermark=READ, windows={ago(minutes=14): OpenWindow(0)}), [], ""),
        (
            Control(3, 3, watermark=READ, windows={ago(minutes=20): OpenWindow(0)}),
            [],
            "the window of 2026-01-31 11:40:00Z has no on_time panes yet",
        ),
        (Control(3, 3, watermark=READ, windows={ago(minutes=20): OpenWindow(0, has_ended=True)}), [], ""),
        (Control(3, 3, watermark=READ, windows={ago(minutes=65): OpenWindow(0, has_ended=True)}), [], ""),
        (
            Control(3, 3, watermark=READ, windows={ago(minutes=66): OpenWindow(0, has_ended=True)}),
            [],
            "the window of 2026-01-31 10:54:00Z should be settled: its flush has another ALLOWED_LATENESS",
        ),
        (Control(4, 3, lease_until=ago(minutes=1), watermark=READ), [], ""),
        (
            Control(4, 3, lease_until=ago(minutes=11), watermark=READ),
            [],
            "flush 4 died, and no later one has emitted its panes",
        ),
    ],
)
def test_a_flush_is_wrong_when_something_waits_for_it(
    control: Control, segments: list[Document], complaint: str
) -> None:
    state = ShardState(Shard(), control, segments, to_micros(NOW))
    finding = windows.judge(state, Layout(), timedelta(hours=1), None, "cqc flush")
    assert finding.verdict is (Verdict.WRONG if complaint else Verdict.OK)
    assert finding.detail.startswith(complaint)
    assert finding.fix == ("cqc flush" if complaint else "")


def test_the_flushs_summary_says_how_far_it_has_read_and_that_there_may_be_more_segments() -> None:
    control = Control(7, 7, watermark=READ, windows={ago(minutes=4): OpenWindow(0)})
    state = ShardState(Shard(), control, waiting(*[MINUTE] * LOOKED_AT), to_micros(NOW))
    assert windows.judge(state, Layout(), timedelta(hours=1), NOW, "cqc flush").detail == (
        "flush 7 is done, the log is read up to 2026-01-31 11:59:40Z, segments that wait behind its cursor: "
        "100 or more, the oldest for 60 s, open windows: 1, newest pane of 2026-01-31 12:00:00Z"
    )


def test_a_shard_whose_windows_are_all_settled_need_not_be_flushed() -> None:
    layout = Layout().with_shards(2, ago(hours=5))
    control = Control(3, 3, watermark=ago(hours=3), settled_before=ago(hours=5))
    retired = ShardState(Shard(), control, [], to_micros(NOW))
    finding = windows.judge(retired, layout, timedelta(hours=1), None, "cqc flush")
    assert (finding.verdict, finding.check) == (Verdict.OK, "flush of shard 0.0")
    unfinished = replace(retired, control=replace(control, pending=frozenset({(0, 0)})))
    assert windows.judge(unfinished, layout, timedelta(hours=1), None, "f").verdict is Verdict.WRONG


BOUND: Json = {"bindings": [{"role": "roles/pubsub.publisher", "members": ["serviceAccount:agent"]}]}
ACTIVE: Json = {"state": "ACTIVE", "labels": {"content-hash": "0123456789abcdef"}}
POOL: Json = {
    "labels": {"content-hash": "0123456789abcdef"},
    "scaling": {"manualInstanceCount": 2},
    "terminalCondition": {"state": "CONDITION_SUCCEEDED"},
}
FAILED: Json = {"state": "CONDITION_FAILED", "message": "The container exited with an error."}


@pytest.mark.parametrize(
    ("finding", "verdict", "detail"),
    [
        (deployed.function("parse", "0123456789abcdef" * 4, "m", ACTIVE), Verdict.OK, "ACTIVE, code 0123"),
        (
            deployed.function("parse", "f" * 64, "m", ACTIVE),
            Verdict.WRONG,
            "it runs code 0123",
        ),
        (
            deployed.function("parse", "f" * 64, "m", {"state": "FAILED"}),
            Verdict.WRONG,
            "its state is",
        ),
        (
            deployed.worker_pool("parse", "0123456789abcdef" * 4, "m", POOL),
            Verdict.OK,
            "ready, instances: 2, code 0123",
        ),
        (
            deployed.worker_pool("parse", "0123456789abcdef" * 4, "m", {**POOL, "terminalCondition": FAILED}),
            Verdict.WRONG,
            "it is not ready: The container exited",
        ),
        (
            deployed.worker_pool("parse", "0123456789abcdef" * 4, "m", {**POOL, "scaling": {}}),
            Verdict.WRONG,
            "it has no instance",
        ),
        (deployed.worker_pool("parse", "f" * 64, "m", POOL), Verdict.WRONG, "it runs code 0123"),
        (
            deployed.binding("c", "roles/pubsub.publisher", "serviceAccount:agent", "m", BOUND),
            Verdict.OK,
            "serviceAccount:agent has",
        ),
        (
            deployed.binding("c", "roles/pubsub.subscriber", "serviceAccount:agent", "m", BOUND),
            Verdict.WRONG,
            "serviceAccount:agent lacks roles/pubsub.subscriber",
        ),
        (deployed.binding("c", "r", "a", "m", {}), Verdict.WRONG, "a lacks r"),
        (
            deployed.time_to_live("window_state", "m", {"ttlConfig": {"state": "ACTIVE"}}),
            Verdict.OK,
            "expire_at",
        ),
        (
            deployed.time_to_live("window_state", "m", {"ttlConfig": {"state": "CREATING"}}),
            Verdict.UNKNOWN,
            "expire_at",
        ),
        (deployed.time_to_live("window_state", "m", {}), Verdict.WRONG, "expire_at deletes nothing"),
    ],
)
def test_googles_answers_become_verdicts(finding: Finding, verdict: Verdict, detail: str) -> None:
    assert finding.verdict is verdict
    assert finding.detail.startswith(detail)
    assert bool(finding.fix) is (verdict is Verdict.WRONG)


@pytest.mark.parametrize("with_file", [False, True])
def test_what_terraform_fixes_it_fixes_with_the_variables_that_are_deployed(with_file: bool) -> None:
    settings = {"var_file": "examples/prod/terraform.tfvars"} if with_file else {}
    fix = terraform_apply(Deployment.model_validate({"project": "p", **settings}))
    named = settings.get("var_file", "prod.tfvars")
    assert fix == f"terraform -chdir=terraform apply -var-file={named}"


def checked(function: str, chain: ChainFile) -> Finding:
    (found,) = local_checks(chain, RESTART, parts_of(chain, []))[f"function {function}"]()
    return found


def test_a_paused_function_is_not_fine_though_its_log_says_that_it_pulls(tmp_path: Path) -> None:
    (tmp_path / "features.log").write_text('{"event":"pull_started"}\n')
    with subprocess.Popen(["sleep", "60"]) as process:
        chain = ChainFile(
            **CHAIN.model_dump(exclude={"driver"}),
            driver=Driver.PULL,
            pid=os.getpid(),
            parts={"features": process.pid},
        ).model_copy(update={"logs": tmp_path})
        found = checked("features", chain)
        assert found.verdict is Verdict.OK
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        found = checked("features", chain)
        process.kill()
    assert (found.verdict, found.fix) == (Verdict.WRONG, "cqc resume features")
    assert found.detail.startswith("it is paused")
    found = checked("features", chain)
    assert found.detail == "it has ended, and is being started again"


def test_missing_credentials_are_reported_in_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools", "doctor", "--project", "my-project"],
        env={"PATH": "/usr/bin", "HOME": "/nonexistent", "NO_GCE_CHECK": "true"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("cqc: there are no Google credentials for project my-project")
    assert "Traceback" not in done.stderr
