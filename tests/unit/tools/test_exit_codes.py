"""One table of exit codes for all commands: 0 done, 1 found something wrong, 2 could not do it."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.main import get_group

from tests.support.command_line import Invoke
from tools.__main__ import COMMANDS, app
from tools.errors import EXIT_CODES, CommandError, ProblemsFound, UsageError
from tools.redrive.verdict import judge

BAD = '{"location_id": "1-1", "event_type": "rating_change"}\n'
CASES = {
    "up": (
        "--parts real",
        "--port-base many",
        "--flush-every 0",
        "--flush-every 1e12",
        "--port-base 65001",
        "--faults seed:x",
        "--faults no.json",
    ),
    "sample": (
        "five",
        "5 --bad 2",
        "99999999999",
        "5 --now noon",
        "5 --now 0001-01-01T00:00:00Z",
        "5 --now 9999-01-01T00:00:00Z",
        "",
    ),
    "validate": ("nowhere.jsonl", "empty.jsonl", ""),
    "publish": ("nowhere.jsonl", "bad.jsonl --rate 0", "bad.jsonl", ""),
    "query": ("'SELECT 1'", "''", "' '", "", "'SELECT 1' --tables", "--tables --csv --json"),
    "features": ("1-1", ""),
    "flush": ("", "--chain nowhere.json", "--region r"),
    "kill": ("features", "", "--chain nowhere.json"),
    "restart": ("features", ""),
    "pause": ("features", "features --for 0", "features --for 1e12", ""),
    "resume": ("features", ""),
    "replay": ("", "nowhere.jsonl --to topic", "bad.jsonl --to topic", "--errors --to topic", "--limit 0"),
    "redrive": ("", "--set a", "--limit none", "--stage typo"),
    "explain": ("visit-7", ""),
    "verify-windows": ("", "--from noon", "--to 0001-01-01T00:00:00Z"),
    "heal-online": ("", "--from noon --to 1m", "--from 2h --to 1h", "--from 0001-01-01T00:00:00Z --to 1h"),
    "status": (
        "",
        "--every 5",
        "--watch --every 0",
        "--watch --every 1e12",
        "--chain nowhere.json",
        "--dataset d",
    ),
    "dead-letters": ("", "--since noon", "--since 999999d", "--reason typo", "--since 1h --until 2h"),
    "tail": (
        *(
            "",
            "--since noon",
            "--since 999999d",
            "--since 0001-01-01T00:00:00Z",
            "--since 2199-01-01T00:00:00Z",
        ),
        *("--reason typo", "--every 0", "--every 1e12", "--timeout 1e12", "--dataset d"),
    ),
    "doctor": ("--chain nowhere.json", "--dataset d"),
    "trace": ("latest", ""),
    "cost": ("", "--rate -1", "--rate many", "--rate 1 --driver carrier-pigeon", "--rate 1 --locations 0"),
}
"""Command to the bad command lines, on a chain that does not answer."""


@pytest.mark.parametrize(
    ("command", "line"), [(command, line) for command, lines in CASES.items() for line in lines]
)
def test_what_cannot_be_done_exits_with_2_and_one_sentence(
    invoke: Invoke, dead_chain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CQC_CHAIN", dead_chain)
    (tmp_path / "bad.jsonl").write_text(BAD)
    (tmp_path / "empty.jsonl").write_text("")
    answer = invoke(command, *shlex.split(line))
    assert answer.code == 2, answer
    assert answer.err


@pytest.mark.parametrize("command", ["doctor", "verify-windows"])
def test_a_malformed_setting_is_misuse_and_named(
    invoke: Invoke, dead_chain: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("ALLOWED_LATENESS", "an hour")
    answer = invoke(command, "--chain", dead_chain)
    assert answer.code == 2
    assert answer.err.startswith("cqc: environment variable ALLOWED_LATENESS is wrong: ")


def test_a_redrive_judges_by_no_malformed_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATURE_TIMEZONE", "Mars")
    with pytest.raises(UsageError, match="environment variable FEATURE_TIMEZONE is wrong"):
        judge("p")


def test_the_table_has_bad_input_for_every_command() -> None:
    assert CASES.keys() == get_group(app).commands.keys()


def test_something_wrong_that_was_found_exits_with_1(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text(BAD)
    assert invoke("validate", str(tmp_path / "bad.jsonl")).code == 1


def test_only_what_was_found_exits_with_1() -> None:
    assert [kind.exit_code for kind in (CommandError, UsageError, ProblemsFound)] == [2, 2, 1]


@pytest.mark.parametrize("name", ["", *get_group(app).commands])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_help_ends_with_the_exit_codes(invoke: Invoke, name: str, option: str) -> None:
    answer = invoke(*filter(None, [name, option]))
    assert answer.code == 0
    assert answer.out.rstrip().endswith(EXIT_CODES)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_the_example_in_the_help_is_a_command_line_that_the_command_takes(
    command: Callable[..., None],
) -> None:
    program, name, *arguments = shlex.split(COMMANDS[command].split(" > ")[0].split(" | ")[-1])
    assert (program, name) == ("cqc", command.__name__.replace("_", "-"))
    assert get_group(app).commands[name].make_context(name, arguments).args == []


def test_summaries_are_not_cut(invoke: Invoke) -> None:
    listed = " ".join(invoke("--help").out.split())
    for command in COMMANDS:
        assert " ".join((command.__doc__ or "").split("\n\n")[0].split()) in listed


def test_the_version_is_shown(invoke: Invoke) -> None:
    assert invoke("--version").out.startswith("cqc 0.")
