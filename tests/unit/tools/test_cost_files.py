"""Prices are complete, dated and sourced; measurements are whole; the chart depends on both alone."""

from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import orjson
import pytest

from tests.support.command_line import Invoke
from tests.unit.tools.cost_figures import MEASURED, PRICES, STAGE
from tools.bench import chart as performance
from tools.cost import chart, measurements, prices
from tools.cost.assumptions import LOCATIONS
from tools.cost.operations import Demand
from tools.cost.prices import Prices
from tools.errors import CommandError
from tools.paths import ROOT

LISTED, MEANINGS = prices.load()
FASTER = replace(MEASURED, push={name: replace(STAGE, cpu_us=1.0) for name in MEASURED.push})
DEMAND = Demand(1, 55_000, 464)


@pytest.mark.parametrize("name", [field.name for field in fields(Prices)])
def test_a_price_has_a_source_and_a_date(name: str) -> None:
    price = LISTED.all()[name]
    assert price.dollars > 0
    assert price.each == price.dollars / price.count
    assert price.url.startswith("https://cloud.google.com/")
    assert date(2026, 1, 1) <= price.read <= date.today()
    assert price.basis in MEANINGS
    assert price.note or price.basis != "derived"


@pytest.mark.parametrize("text", ["", "[]", '{"prices": {}, "basis": {}}', '{"prices": {"run_request": {}}}'])
def test_a_price_file_that_lacks_something_is_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(text)
    with pytest.raises(CommandError, match="is no list of prices"):
        prices.load(file)


def test_measurements_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "measured.json"
    file.write_text(MEASURED.to_json())
    assert measurements.load(file) == MEASURED


def test_measurements_of_another_release_are_refused_with_the_command_that_writes_them(
    tmp_path: Path,
) -> None:
    file = tmp_path / "measured.json"
    file.write_text("{}")
    with pytest.raises(CommandError, match=r"bench -- --record"):
        measurements.load(file)


def test_the_chart_is_the_same_file_for_the_same_figures(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for file in (one, two):
        chart.draw(PRICES, MEASURED, DEMAND, file)
    assert one.read_bytes().startswith(b"\x89PNG")
    assert one.read_bytes() == two.read_bytes()


def test_the_chart_says_which_figures_it_shows() -> None:
    shown = [
        chart.digest(chart.curves(PRICES, measured, DEMAND)) for measured in (MEASURED, MEASURED, FASTER)
    ]
    assert shown[0] == shown[1] != shown[2]


def test_the_charts_of_the_docs_show_the_committed_figures() -> None:
    measured = measurements.load()
    demand = Demand(1, LOCATIONS, measured.event_bytes)
    shown = chart.digest(chart.curves(LISTED, measured, demand))
    again = "run `python -m tools.bench --charts`"
    assert shown.encode() in (ROOT / "docs" / "cost.png").read_bytes(), again
    assert performance.digest(measured).encode() in (ROOT / "docs" / "performance.png").read_bytes(), again


def test_the_command_shows_every_line_its_total_and_where_it_is_from(invoke: Invoke) -> None:
    answer = invoke("cost", "--rate", "50")
    assert answer.code == 0
    for text in (
        "dollars a month",
        "dollars a million events",
        "push",
        "Dataflow",
        "window log",
        "on top",
        "alerts, from September 2027",
        "measured on",
    ):
        assert text in answer.out


def test_as_json_the_lines_add_up_to_the_total(invoke: Invoke) -> None:
    bills = orjson.loads(invoke("cost", "--rate", "50", "--driver", "push", "--json").out)["bills"]
    assert list(bills) == ["push", "Dataflow", "on top"]
    for bill in bills.values():
        total = bill["dollars_a_month"]
        assert sum(line["dollars_a_month"] for line in bill["lines"]) == pytest.approx(total, abs=0.01)
        assert sum(bill["services"].values()) == pytest.approx(total, abs=0.01)


def test_nothing_a_month_is_nothing_a_million(invoke: Invoke) -> None:
    (bill, *_) = orjson.loads(invoke("cost", "--rate", "0", "--driver", "push", "--json").out)[
        "bills"
    ].values()
    assert bill["dollars_a_million_events"] is None
    assert bill["dollars_a_month"] > 0


def test_a_chart_that_cannot_be_written_is_one_sentence(invoke: Invoke, tmp_path: Path) -> None:
    answer = invoke("cost", "--rate", "1", "--chart", str(tmp_path / "nowhere" / "cost.png"))
    assert answer.code == 2
    assert "nowhere" in answer.err
