"""Generated files are current, and what they say of the events and tables is complete and true."""

from pathlib import Path

import orjson
import pytest

from shared.events import METRICS
from shared.tables.columns import CATEGORY_COLUMNS, TABLES, Table
from shared.tables.rows import encode
from tests.unit.contract import METRICS as CONTRACT
from tests.unit.contract import Metric
from tools.generate.__main__ import generated
from tools.generate.event_examples import EXAMPLES, GENERIC
from tools.generate.event_fields import TYPES, metrics_of, optional_features
from tools.generate.example_rows import example_rows
from tools.generate.output import BEGIN, END, with_part, write
from tools.generate.views import views
from tools.paths import ROOT

GENERATED = generated()


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_generated_file_is_current(path: Path) -> None:
    on_disk = path.read_text("utf-8") if path.exists() else "(missing)"
    assert on_disk == GENERATED[path], "run `python -m tools.generate`"


@pytest.mark.parametrize("folder", ["terraform/schemas", "docs/schemas/events"])
def test_a_generated_folder_has_no_other_file(folder: str) -> None:
    assert set((ROOT / folder).iterdir()) == {path for path in GENERATED if path.parent == ROOT / folder}


def test_every_event_type_has_its_examples() -> None:
    assert list(EXAMPLES) == [*METRICS, GENERIC]


@pytest.mark.parametrize("event_type", TYPES)
def test_an_example_has_every_metric_and_each_feeds_a_column_of_its_category(event_type: str) -> None:
    assert list(EXAMPLES[event_type].metrics) == list(METRICS[event_type].model_fields)
    fed = [column for metric in metrics_of(event_type) for column in metric.columns]
    assert all(metric.columns for metric in metrics_of(event_type))
    assert set(fed) in [{column.name for column in columns} for columns in CATEGORY_COLUMNS.values()]


@pytest.mark.parametrize("metric", CONTRACT, ids=str)
def test_a_metric_becomes_the_column_and_default_of_the_contract(metric: Metric) -> None:
    (found,) = [found for found in metrics_of(metric.event_type) if found.name == metric.name]
    assert found.columns[metric.column] == metric.default


def test_a_feature_is_null_without_the_metrics_that_it_is_made_of() -> None:
    assert optional_features()["rating_change_direction"] == "`previous_rating` or `new_rating` is absent"
    assert "alert_severity" not in optional_features(), "it has a default"
    assert "capacity_change" not in optional_features(), "a missing side counts 0"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_an_example_row_has_a_value_of_the_right_type_for_every_column(table: Table) -> None:
    row = example_rows()[table.name]
    assert row.keys() == {column.name for column in table.columns}
    assert None not in row.values()
    encode(table, row)
    for column in table.columns:
        if column.type == "JSON":
            assert isinstance(orjson.loads(str(row[column.name])), dict)


def test_every_view_says_what_it_is_for() -> None:
    assert [view.name for view in views() if len(view.purpose.split()) < 5] == []


def test_only_the_marked_part_of_a_page_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n{BEGIN}old\n{END}after\n")
    assert with_part(page, "new\n") == f"# Title\n{BEGIN}\nnew\n\n{END}after\n"


@pytest.mark.parametrize("text", ["# Title\n", f"# Title\n{BEGIN}", f"# Title\n{END}"])
def test_a_page_without_both_markers_is_refused(text: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="needs these two lines"):
        with_part(page, "new\n")


def test_only_files_that_differ_are_written(tmp_path: Path) -> None:
    current, stale, new = tmp_path / "current", tmp_path / "stale", tmp_path / "folder" / "new"
    current.write_text("a")
    stale.write_text("b")
    assert write({current: "a", stale: "c", new: "d"}) == [stale, new]
    assert (stale.read_text(), new.read_text()) == ("c", "d")
