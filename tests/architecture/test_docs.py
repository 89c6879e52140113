"""The documents name only files that exist, and the index of the decisions lists each."""

import re
from pathlib import Path

import pytest

from tools.paths import ROOT

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.md")]
DECISIONS = ROOT / "docs" / "decisions"

WRITTEN_BY_READERS = {"terraform/backend_override.tf"}
PATH = re.compile(r"`((?:functions|shared|tools|tests|terraform|docs)/[\w./-]*\w)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    missing = {path for path in PATH.findall(page.read_text()) if not (ROOT / path).exists()}
    assert missing <= WRITTEN_BY_READERS


def test_every_debug_server_that_a_page_starts_binds_loopback() -> None:
    """functions-framework binds every address of the machine by itself."""
    starts = [line for page in PAGES for line in page.read_text().splitlines() if "--target " in line]
    assert starts
    assert [line for line in starts if "--host 127.0.0.1" not in line] == []


def test_the_index_lists_every_decision_under_its_title() -> None:
    listed = re.findall(
        r"^\| \[(\d{4}) (.+)\]\((.+\.md)\) \|", (DECISIONS / "README.md").read_text(), re.MULTILINE
    )
    assert {name for _, _, name in listed} == {path.name for path in DECISIONS.glob("[0-9]*.md")}
    for number, title, name in listed:
        heading = (DECISIONS / name).read_text().splitlines()[0]
        assert heading == f"# {int(number)}. {title}"


def test_the_debuggers_breakpoint_is_where_the_page_says_that_it_stops() -> None:
    page = (ROOT / "docs/debugging.md").read_text()
    ((path, line),) = set(re.findall(r"^\(Pdb\) b (\S+):(\d+)$", page, re.MULTILINE))
    assert f"> {path}({line})decode()\n-> {source_line(path, int(line))}\n" in page


def source_line(path: str, number: int) -> str:
    return (ROOT / path).read_text().splitlines()[number - 1].strip()
