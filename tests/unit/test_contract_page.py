"""docs/contract.md names the types, errors, tables and topics that exist."""

import re

import pytest

from shared import topology
from shared.errors import ErrorType
from shared.tables.columns import TABLES
from shared.windows.contribution import SUMS
from tests.unit.contract import CATEGORIES
from tools.generate.event_fields import TYPES
from tools.generate.views import views
from tools.paths import ROOT

PAGE = (ROOT / "docs" / "contract.md").read_text("utf-8")


def section(heading: str) -> str:
    """What stands below a heading, up to the next of its level or above."""
    level, _, _ = heading.partition(" ")
    (text,) = re.findall(rf"^{heading}\n(.*?)(?=^#{{2,{len(level)}}} |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def rows(heading: str) -> list[list[str]]:
    """The section's table rows: what stands in backticks in each."""
    lines = re.findall(r"^\| `.*$", section(heading), re.MULTILINE)
    return [re.findall(r"`([^`]+)`", line) for line in lines]


def test_the_error_types_are_the_closed_list_of_the_code() -> None:
    assert [row[0] for row in rows("## Error types")] == [kind.value for kind in ErrorType]


def test_the_event_types_have_the_categories_of_the_code() -> None:
    named = {kind: category for kind, category in CATEGORIES.items() if kind in TYPES}
    assert dict(rows("## Event types")) == named


def test_the_tables_and_views_are_those_of_the_deployment() -> None:
    text = section("## Tables and views")
    assert [row[0] for row in rows("## Tables and views") if row[0] in {t.name for t in TABLES}] == [
        table.name for table in TABLES
    ]
    assert [view.name for view in views() if f"`{view.name}`" not in text] == []


def test_the_sums_of_a_window_are_those_of_the_code() -> None:
    sums = {row[0]: row[1:] for row in rows("### Aggregated features")}
    assert sums == {category: list(names) for category, names in SUMS.items() if names}


@pytest.mark.parametrize(
    "name", [topology.EVENTS_TOPIC, topology.PARSED_TOPIC, topology.DEAD_LETTER_TOPIC, topology.DATASET]
)
def test_the_flow_has_the_names_of_the_deployment(name: str) -> None:
    assert f"`{name}`" in section("## The flow")
