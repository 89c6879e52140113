"""The command line without a chain: fast help, and one sentence for each misuse."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from typer.main import get_group

from tests.support.up import run_cqc
from tools.__main__ import COMMANDS, app
from tools.paths import ROOT


def test_help_names_every_command() -> None:
    answer = run_cqc(ROOT, "--help")
    assert answer.returncode == 0
    for command in COMMANDS:
        assert f"\n  {command.__name__.replace('_', '-')} ".encode() in answer.stdout


def test_an_option_means_the_same_and_reads_the_same_in_every_command() -> None:
    """An option is its name and what it takes: `--to TIME` is another than `--to URL`."""
    texts = defaultdict(set)
    for command in get_group(app).commands.values():
        for parameter in command.params:
            texts[*parameter.opts, parameter.metavar].add(getattr(parameter, "help", None))
    assert {option: helps for option, helps in texts.items() if len(helps) > 1} == {}


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = {"rich", "grpc", "pydantic", "duckdb", "google.api_core"}
    code = f"import sys, tools.__main__; print(*({heavy} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout
        == b"\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("flush",),
        ("publish", "-"),
        ("query", "SELECT 1"),
        ("features", "1-466088203"),
        ("doctor",),
        ("trace", "latest"),
        ("kill", "features"),
        ("resume", "features"),
    ],
)
def test_without_a_chain_a_command_says_how_to_start_one(arguments: tuple[str, ...], tmp_path: Path) -> None:
    answer = run_cqc(tmp_path, *arguments)
    assert answer.returncode == 2
    assert b"no chain is running" in answer.stderr
    assert b"cqc up" in answer.stderr
    assert b"Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("up", "--parts", "real"), b"--parts real: choose one of stand-in, emulators"),
        (("up", "--driver", "poll"), b"--driver poll: choose one of push, pull"),
        (("sample", "5", "--now", "noon"), b"write it like 2026-01-31T12:00:00Z"),
        (("sample", "5", "--now", "2026-01-31T12:00:00"), b"has no offset"),
        (("sample", "5", "--bad", "0.9", "--late", "0.9"), b"add up to more than 1"),
        (("features", ""), b"LOCATION_ID is empty"),
        (("sample", "five"), b"Invalid value for 'N'"),
        (("flush", "--chain", "nowhere.json"), b"nowhere.json can't be read"),
    ],
)
def test_misuse_is_answered_with_one_sentence(
    arguments: tuple[str, ...], sentence: bytes, tmp_path: Path
) -> None:
    answer = run_cqc(tmp_path, *arguments)
    assert answer.returncode == 2
    assert sentence in answer.stderr
    assert b"Traceback" not in answer.stderr


def test_a_sample_is_lines_of_json_on_stdout() -> None:
    arguments = ("sample", "20", "--seed", "3", "--now", "2026-01-31T12:00:00Z")
    first, second = run_cqc(ROOT, *arguments), run_cqc(ROOT, *arguments)
    assert first.stdout == second.stdout
    assert first.stdout.count(b"\n") == 20
