"""What `cqc replay` answers to misuse."""

from pathlib import Path

import pytest

from tests.support.command_line import Invoke
from tools.local.parts import address as address_on
from tools.local.ports import ORDER
from tools.pipeline import address
from tools.pipeline.address import Driver

EVENT = '{"location_id": "1-1", "event_type": "rating_change", "timestamp": "2026-01-31T12:00:00Z"}\n'


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with one event, in a folder that the command may write to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.jsonl").write_text(EVENT)
    return "events.jsonl"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--to topic", "give one source: a FILE (or -), --errors, --subscription NAME"),
        ("events.jsonl --errors --to topic", "these are several sources, give one"),
        ("nowhere.jsonl --to topic", "nowhere.jsonl can't be read (No such file or directory)"),
        ("events.jsonl", "say where the events go: --to topic"),
        ("events.jsonl --to ftp://x", "--to ftp://x: give topic, topic:NAME, function, or a URL"),
        ("events.jsonl --to http://x:port", "--to http://x:port: not a URL"),
        (
            "events.jsonl --to http://127.0.0.1:1",
            "nothing answers at http://127.0.0.1:1 (Connection refused)",
        ),
        (
            "events.jsonl --to http://127.0.0.1:1 --as post",
            "--as post: choose one of wrapped, cloudevent-binary",
        ),
        ("events.jsonl --since yesterday --to topic", "--since yesterday: Invalid isoformat string"),
        (
            "events.jsonl --until 2026-01-31T12:00:00 --to topic",
            "has no offset: in UTC it is 2026-01-31T12:00:00Z",
        ),
        ("events.jsonl --since 1h --until 2h --to topic", "--since 1h is not before --until 2h"),
        ("--errors --reason typo --to topic", "--reason typo: choose one of json_parse_error"),
        ("--errors --stage typo --to topic", "--stage typo: choose one of parse, features"),
        ("--errors --grep ( --to topic", "--grep (: not a regular expression"),
        ("--seek-subscription s", "needs either --to-time TIME or --to-snapshot NAME"),
        ("--seek-subscription s --to-time noon", "--to-time noon: Invalid isoformat string"),
        ("--seek-subscription s --errors --to-time 1h", "these are several sources"),
        ("--seek-subscription s --to-time 1h --location 1-1", "it can't honour --location: use `cqc replay"),
        (
            "--seek-subscription s --to-time 1h --dry-run --limit 2 --grep a|b",
            "use `cqc replay --subscription monitor --to topic --since 1h --grep 'a|b' --limit 2 --dry-run "
            "--chain /",
        ),
        ("--seek-subscription s --to-time 1h --to function", "it can't honour --to: use"),
        ("events.jsonl --to topic --to-time 1h", "--to-time and --to-snapshot belong to --seek-subscription"),
        ("events.jsonl --to topic --region r", "--region belongs to a deployed pipeline"),
    ],
)
@pytest.mark.usefixtures("events")
def test_misuse_is_answered_with_one_sentence(
    invoke: Invoke, dead_chain: str, arguments: str, sentence: str
) -> None:
    answer = invoke("replay", *arguments.split(), "--chain", dead_chain)
    assert sentence in answer.err
    assert answer.code == 2
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", ["--errors --to topic", "events.jsonl --to topic", "--subscription monitor --to topic"]
)
@pytest.mark.usefixtures("events")
def test_missing_credentials_are_answered_with_one_sentence(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    answer = invoke("replay", *arguments.split(), "--project", "my-project")
    assert "there are no Google credentials for project my-project: run `gcloud auth" in answer.err
    assert answer.code == 2


def test_a_deployed_function_needs_credentials_for_an_identity_token(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, events: str, dead_chain: str
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    answer = invoke("replay", events, "--to", "https://parse.example/", "--chain", dead_chain)
    assert "can make an identity token for https://parse.example (" in answer.err
    assert answer.code == 2


@pytest.mark.parametrize(
    ("arguments", "service"),
    [
        ("events.jsonl --to topic", "Pub/Sub does not answer at 127.0.0.1:1"),
        ("--subscription monitor --to http://127.0.0.1:1", "Pub/Sub does not answer at 127.0.0.1:1"),
        ("--errors --to http://127.0.0.1:1", "BigQuery does not answer at 127.0.0.1:4"),
    ],
)
@pytest.mark.usefixtures("events")
def test_a_chain_that_does_not_answer_is_named(
    invoke: Invoke, dead_chain: str, arguments: str, service: str
) -> None:
    answer = invoke("replay", *arguments.split(), "--chain", dead_chain)
    assert f"the chain's {service} (Connection refused): is the chain still running (cqc up)?" in answer.err
    assert answer.code == 2


def test_a_dry_run_needs_no_connection(invoke: Invoke, events: str, dead_chain: str) -> None:
    answer = invoke("replay", events, "--dry-run", "--to", "http://127.0.0.1:1", "--chain", dead_chain)
    assert answer.code == 0
    assert "events.jsonl:1" in answer.out
    assert "1 would be sent, nothing was." in answer.out


def test_events_that_get_a_new_identity_are_counted(
    invoke: Invoke, events: str, dead_chain: str, tmp_path: Path
) -> None:
    dry_run = ("--dry-run", "--to", "http://127.0.0.1:1", "--chain", dead_chain)
    said = " ".join(invoke("replay", events, *dry_run).err.split())
    assert said.startswith("1 without an event_id get one from their bytes: they count once more if")
    (tmp_path / events).write_text('{"event_id": "a"}\n')
    assert invoke("replay", events, *dry_run).err == ""


@pytest.mark.usefixtures("events")
def test_a_function_that_pulls_takes_no_pushes(invoke: Invoke, tmp_path: Path) -> None:
    chain = address_on({name: 1 + number for number, name in enumerate(ORDER)}, driver=Driver.PULL)
    address.write(tmp_path / "pulled.json", chain)
    answer = invoke("replay", "events.jsonl", "--to", "function", "--chain", str(tmp_path / "pulled.json"))
    assert answer.code == 2
    assert "this chain's functions pull: use --to topic, or start the chain with" in answer.err
