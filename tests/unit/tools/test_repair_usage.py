"""explain, redrive, verify-windows and heal-online without a pipeline to work on."""

import pytest

from tests.support.command_line import Invoke

COMMANDS = pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "event-1"),
        ("redrive",),
        ("verify-windows",),
        ("verify-windows", "--repair"),
        ("heal-online", "--from", "2h", "--to", "1h"),
    ],
)


@COMMANDS
def test_a_chain_that_does_not_answer_is_named(
    invoke: Invoke, dead_chain: str, arguments: tuple[str, ...]
) -> None:
    answer = invoke(*arguments, "--chain", dead_chain)
    assert "the chain's BigQuery does not answer at 127.0.0.1:4 (Connection refused)" in answer.err
    assert answer.code == 2


@COMMANDS
def test_missing_credentials_are_answered_with_the_command_that_gets_them(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    answer = invoke(*arguments, "--project", "my-project")
    assert "there are no Google credentials for project my-project: run `gcloud auth" in answer.err
    assert answer.code == 2


@COMMANDS
def test_naming_two_pipelines_is_misuse(invoke: Invoke, dead_chain: str, arguments: tuple[str, ...]) -> None:
    answer = invoke(*arguments, "--project", "my-project", "--chain", dead_chain)
    assert "--project and --chain name two pipelines: give one of them" in answer.err
    assert answer.code == 2


def test_an_empty_event_id_is_misuse(invoke: Invoke, dead_chain: str) -> None:
    answer = invoke("explain", "", "--chain", dead_chain)
    assert answer.err.startswith("cqc: EVENT_ID is empty: name the event_id")
    assert answer.code == 2
