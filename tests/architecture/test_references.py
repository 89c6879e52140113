"""What code, configuration and docs cite of docs/ exists: the file, and the heading in it."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tools.paths import ROOT

FOLDERS = ("docs", "functions", "shared", "terraform", "tests", "tools", ".ci", ".github")
SUFFIXES = {".md", ".py", ".sql", ".tf", ".tftpl", ".hcl", ".toml", ".yaml", ".yml", ".in", ""}

MENTION = re.compile(r"(?<![\w./-])(docs/[\w/.*-]*[\w*/])(?:#([\w-]+))?")
"""From the repository's root, as code and configuration cite; a page on the web has more before it."""
LINK = re.compile(r"\]\((?!https?:|mailto:)([^()#\s]*)(?:#([^()\s]+))?\)")
"""In a page of Markdown, from the page's own folder."""


def texts() -> dict[Path, str]:
    """Path from the root to content."""
    below = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    found = (path for path in (*ROOT.iterdir(), *below) if path.is_file() and path.suffix in SUFFIXES)
    hidden = {".terraform", "__pycache__"}
    return {
        path.relative_to(ROOT): path.read_text("utf-8", errors="replace")
        for path in found
        if not hidden & set(path.parts)
    }


TEXTS = texts()


def citations(path: Path, text: str) -> Iterator[tuple[str, str]]:
    """Path from the root, or a pattern of one, and heading or ""."""
    for match in MENTION.finditer(text):
        yield match[1], match[2] or ""
    if path.suffix == ".md":
        for match in LINK.finditer(text):
            target = (ROOT / path.parent / match[1]).resolve() if match[1] else ROOT / path
            yield str(target.relative_to(ROOT)), match[2] or ""


def targets(cited: str) -> list[Path]:
    """The files or folders: `docs/decisions/0040` stands for the decision of that number."""
    pattern = f"{cited}-*.md" if re.fullmatch(r"docs/decisions/\d{4}", cited) else cited.rstrip("/")
    return list(ROOT.glob(pattern)) if pattern else [ROOT]


@cache
def slugs(page: Path) -> frozenset[str]:
    """The headings as GitHub addresses them."""
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def wrong(path: Path, text: str) -> list[str]:
    """The citations in a text that lead nowhere."""
    return [
        f"{path} cites {cited}{'#' if heading else ''}{heading}"
        for cited, heading in citations(path, text)
        if not (pages := targets(cited)) or (heading and heading not in slugs(pages[0]))
    ]


def test_every_citation_of_the_docs_leads_to_a_file_and_a_heading() -> None:
    assert [sentence for path, text in TEXTS.items() for sentence in wrong(path, text)] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("shared/clock.py", "as docs/" + "contract.md#no-such-heading says"),
        ("shared/clock.py", "docs/" + "nowhere.md"),
        ("terraform/pubsub.tf", "(docs/" + "decisions/9999)"),
        ("docs/semantics.md", "[contract](" + "contract.md#no-such-heading)"),
        ("docs/semantics.md", "[contract](" + "../contract.md)"),
        ("docs/semantics.md", "[above](" + "#no-such-heading)"),
    ],
)
def test_a_citation_that_leads_nowhere_is_found(path: str, text: str) -> None:
    assert len(wrong(Path(path), text)) == 1


def test_the_contract_is_cited_by_its_page_and_heading() -> None:
    vague = re.compile(r"\bthe " + r"contract('s)?\b|\bcontract, (section|promise) \d")
    code = {path: text for path, text in TEXTS.items() if path.suffix in (".py", ".tf", ".sql")}
    assert [f"{path}: {match[0]}" for path, text in code.items() for match in vague.finditer(text)] == []
