"""A command whose output nobody takes ends in words, with the usual exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.endings import in_words
from tools.errors import CommandError
from tools.paths import ROOT

EVENT = (
    '{"location_id": "1-1", "event_type": "fire_drill", "timestamp": "2026-01-31T12:00:00Z", "metrics": {}}'
)
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`cqc` in a shell that knows how to close and break streams."""
    (folder / "events.jsonl").write_text(EVENT)
    return subprocess.run(
        ["bash", "-c", f'cqc() {{ "{sys.executable}" -m tools "$@"; }}; {line}'],
        cwd=folder,
        env=ENVIRONMENT | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="latin-1",
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "command", ["sample 3", "validate events.jsonl", "cost --rate 5", "cost --rate 5 --json"]
)
def test_a_reader_that_has_all_it_wants_ends_a_command_well(command: str, tmp_path: Path) -> None:
    answer = shell("cqc " + command + " | true; exit ${PIPESTATUS[0]}", tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    ("command", "output", "why"),
    [
        ("sample 3", "> /dev/full", "No space left"),
        ("validate events.jsonl", "> /dev/full", "No space left"),
        ("cost --rate 5", "> /dev/full", "No space left"),
        ("--help", "> /dev/full", "No space left"),
        ("sample 3", ">&-", "output is closed"),
    ],
)
def test_an_output_that_cannot_be_written_is_one_sentence(
    command: str, output: str, why: str, tmp_path: Path
) -> None:
    answer = shell(f"cqc {command} {output}", tmp_path)
    assert answer.returncode == 2
    assert answer.stderr.startswith("cqc: the output can't be written")
    assert why in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["validate -", "query -"])
def test_a_closed_input_is_misuse(command: str, tmp_path: Path) -> None:
    answer = shell(f"cqc {command} <&-", tmp_path)
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)


def test_a_folder_that_is_gone_is_misuse(tmp_path: Path) -> None:
    answer = shell("mkdir gone && cd gone && rmdir ../gone && cqc flush", tmp_path)
    assert (answer.returncode, answer.stderr) == (
        2,
        "cqc: this folder has been deleted: change to one that exists\n",
    )


def test_a_terminal_without_our_characters_still_shows_help(tmp_path: Path) -> None:
    answer = shell("cqc query --help", tmp_path, PYTHONIOENCODING="latin-1")
    assert (answer.returncode, answer.stderr) == (0, "")


PYTHON = f'PYTHONPATH="{ROOT}" "{sys.executable}" -c'


def test_a_reader_that_goes_while_nothing_is_written_ends_a_wait(tmp_path: Path) -> None:
    program = "from tools.endings import in_words, wait\nwith in_words(): wait(50)\nprint(1)"
    answer = shell(f"{PYTHON} '{program}' | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_wait_lasts_while_there_is_a_reader_or_a_file(tmp_path: Path) -> None:
    program = "from tools.endings import wait; wait(0.01); print(1)"
    answer = shell(f"{PYTHON} '{program}' | cat; {PYTHON} '{program}' > file; cat file", tmp_path)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "1\n1\n", "")


def test_what_a_closed_pipe_leaves_undone_is_said(tmp_path: Path) -> None:
    program = (
        "import sys, time; from tools.endings import or_nothing; from tools.errors import CommandError\n"
        "try:\n"
        '    with or_nothing("nothing was sent"):\n'
        "        while True: print(1, flush=True)\n"
        "except CommandError as error: sys.exit(str(error))"
    )
    answer = shell(f"{PYTHON} '{program}' | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (answer.returncode, answer.stderr) == (1, "nothing was sent\n")


def test_an_error_that_has_nothing_to_do_with_the_output_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), in_words():
        (tmp_path / "nowhere").read_text()


@pytest.mark.parametrize("how", [KeyboardInterrupt, SystemExit(130)], ids=["ours", "typer's"])
def test_an_interruption_is_said_whenever_it_comes(how: BaseException | type[BaseException]) -> None:
    with pytest.raises(CommandError, match="interrupted"), in_words():
        raise how


def test_another_exit_code_stays_as_it_is() -> None:
    with pytest.raises(SystemExit) as end, in_words():
        raise SystemExit(1)
    assert end.value.code == 1
