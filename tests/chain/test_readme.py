"""The README's commands, in the order in which it prints them, on a chain that `cqc up` starts."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from shared.topology import FUNCTIONS
from tests.support.polling import PATIENCE, until
from tests.support.up import running_up
from tools.paths import ROOT

README = (ROOT / "README.md").read_text()
ELSEWHERE = {
    "python -m pip install nox && python -m nox -s demo": "installs, and is a nox session",
    "python -m pip install nox && python -m nox -s tests": "installs, and is a nox session",
    "cd terraform": "needs a project; tests/terraform plans it",
}
"""First line of the blocks that are not run here, and why."""
START = "cqc up"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of commands, one a line once continued lines are joined, and the output below it."""

    commands: list[str]
    output: list[str]


def blocks() -> list[Block]:
    """In the order of the page; an output follows its commands with nothing in between."""
    found = re.findall(r"^```sh\n(.*?)^```$(?:\n\n```\n(.*?)^```$)?", README, re.MULTILINE | re.DOTALL)
    return [
        Block(commands.replace("\\\n", " ").splitlines(), shown.splitlines()) for commands, shown in found
    ]


def cells(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


def lacking(shown: list[str], printed: list[str]) -> list[str]:
    """The lines of an output in the README that have none like them: headings are the same, other lines begin
    with the same cell, a whole line if it has only one, such as `6 rows`. Values are another run's."""
    headings = [cells(line) for line in printed]
    firsts = {line[0] for line in headings}
    lines = [line for line in shown if line.strip() and not line.strip().startswith(("─", "..."))]
    underlined = {above for above, below in pairwise(shown) if below.startswith(" ─")}
    return [
        line
        for line in lines
        if (cells(line) not in headings if line in underlined else cells(line)[0] not in firsts)
    ]


def is_reading(command: str) -> bool:
    return command.startswith(("cqc query ", "cqc features "))


@dataclass
class Terminal:
    """Bash in the folder where `cqc up` runs."""

    folder: Path
    environment: dict[str, str]
    addresses: dict[str, str]
    """Those in the README to those of this chain, whose ports are free ones."""

    def run(self, commands: list[str]) -> tuple[list[str], str]:
        """What they print, and what is wrong: empty when they exit with 0."""
        script = "\n".join(commands)
        for theirs, ours in self.addresses.items():
            script = script.replace(theirs, ours)
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        wrong = "" if done.returncode == 0 else f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout.splitlines(), wrong

    def run_block(self, block: Block) -> None:
        """Once, but for the queries at its end: an event takes its time through the chain."""
        reads = next((n for n, command in enumerate(block.commands) if is_reading(command)), None)
        before = block.commands[:reads]
        printed, wrong = self.run(before) if before else ([], "")
        assert wrong == ""
        if reads is None:
            assert lacking(block.output, printed) == [], printed
            return

        def read() -> tuple[list[str], list[str], str]:
            answer, wrong = self.run(block.commands[reads:])
            return answer, lacking(block.output, printed + answer), wrong

        until(read, "what the README shows", lambda seen: not any(seen[1:]))


def shown_functions() -> dict[str, str]:
    """Function to its address in the README's output of `cqc up`."""
    listed = dict(re.findall(r"^ (\w+) +(http://127\.0\.0\.1:\d+) ", README, re.MULTILINE))
    return {name: listed[name] for name in FUNCTIONS}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """With a `cqc` on the path, and no pipeline named."""
    if shutil.which("curl") is None:
        pytest.skip("the README calls a function with curl")
    bin_ = tmp_path_factory.mktemp("bin")
    command = bin_ / "cqc"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tools "$@"\n')
    command.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CQC_")}
    return kept | {"PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.timeout(180)
def test_the_readme_works_in_its_own_order(tmp_path: Path, environment: dict[str, str]) -> None:
    start, *rest = (block for block in blocks() if block.commands[0] not in ELSEWHERE)
    assert start.commands[-1].startswith(START)
    assert sum(map(is_reading, (command for block in rest for command in block.commands))) == 3
    shown = shown_functions()
    with running_up(tmp_path) as up:
        addresses = {shown[name]: url for name, url in up.chain.functions.items()}
        terminal = Terminal(up.folder, environment, addresses)
        for block in rest:
            terminal.run_block(block)
        _, errors = up.stop()
    assert lacking(start.output, up.said.splitlines()) == [], errors


def test_what_is_not_run_here_is_in_the_readme() -> None:
    assert ELSEWHERE.keys() <= {block.commands[0] for block in blocks()}


@pytest.mark.parametrize(
    ("printed", "missing"),
    [
        ([" event_type   events", " a   1", " b   2", "2 rows"], []),
        ([" event_type   events", " b   7", " a   9", "2 rows"], []),
        ([" event_type   count", " a   1", " b   2", "2 rows"], [" event_type   events"]),
        ([" event_type   events", " a   1", "1 row"], [" b   2", "2 rows"]),
        ([], [" event_type   events", " a   1", " b   2", "2 rows"]),
    ],
)
def test_an_output_of_another_shape_is_found(printed: list[str], missing: list[str]) -> None:
    shown = [" event_type   events", " ─────────────", " a   1", " b   2", "2 rows"]
    assert lacking(shown, printed) == missing
