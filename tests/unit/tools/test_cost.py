"""The bill: each line by hand for one example, and laws that hold at any rate."""

import json
import random
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import accumulate
from math import exp
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tables.columns import REALTIME_FEATURES
from tests.unit.tools.cost_figures import MEASURED, STAGE, basis
from tools.bench.stored import FIXED, PREFIX
from tools.cost import assumptions as a
from tools.cost import measurements, prices
from tools.cost.crossing import Crossing, crossings
from tools.cost.measurements import Measurements
from tools.cost.model import BILLS, Basis, dataflow, on_top, pull, push
from tools.cost.operations import Demand
from tools.generate.event_fields import row
from tools.paths import ROOT
from tools.sampling.events import EventMaker, location_ids

RATES = st.floats(0.01, 20_000)
RECORDED = measurements.load()
LISTED, MEANINGS = prices.load()
GIB, TIB = 2**30, 2**40
EVENTS = 10 * a.MONTH
"""A month of the example: 10 a second."""


@pytest.fixture(params=BILLS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_each_line_of_a_push_bill_is_its_hand_computation() -> None:
    bill = push(basis(10))
    fed = 10 + 1 / 60
    awake = 1 - exp(-fed * 0.1)
    # Calls a second: 1 at 1 a second, 50 at 100 a second, on a straight line between.
    calls = (1 + (fed - 1) / 99 * 49) / fed
    flushes = 43_800
    panes = (4 * 55_000 * (1 - exp(-600 / 55_000)) + 2 * 55_000 * (1 - exp(-3_000 / 55_000))) / 5
    read, written, new = (
        13 + 190 * (panes - 1_000) / 39_000,
        11 + 190 * (panes - 1_000) / 39_000,
        5 + 20 * (panes - 1_000) / 39_000,
    )
    seconds = 0.02 + (20 * 600 + 50 * panes) / 1e6
    rows = EVENTS * 400 + flushes * panes * 300
    beats = 2 * a.MONTH / 60 * 1_000
    expected = {
        "requests": (2 * fed * a.MONTH + flushes) * 4e-7,
        "instance time, parse": awake * a.MONTH * (3e-5 + 0.5 * 4e-6),
        "instance time, features": awake * a.MONTH * (3e-5 + 0.5 * 4e-6),
        "instance time, aggregate": flushes * (seconds + 0.05) * (3e-5 + 4e-6),
        "to parse": (EVENTS * 2 * 1_000 + beats) / TIB * 40,
        "to features": (EVENTS * (max(600, 1_000 * calls) + 1_000) + beats) / TIB * 40,
        "window log": EVENTS * calls * 1.5e-6,
        "windows": flushes * (written * 1e-6 + read * 4e-7 + new * 1e-7),
        "rows written": rows / GIB * 0.03,
        "a month's rows, kept a month": rows / GIB * 0.02,
        "seven days kept, to seek back": 10 * 86_400 * 7 * 500 / GIB * 0.3,
        "the monitor's backlog, if nobody pulls": 10 * 86_400 * 6 * 500 / GIB * 0.3,
        "to the archive": EVENTS * 500 / TIB * 50,
        "a month's archive, kept a month": EVENTS * 500 / GIB * 0.02
        + (4_380 + EVENTS * 500 / (100 * 2**20)) * 5e-6,
        "the functions' own": flushes * 300 / GIB * 0.5,
        "Cloud Run's requests, 0.1 % kept": (2 * fed * a.MONTH + flushes) * 0.001 * 1_000 / GIB * 0.5,
        "jobs": 0.2,
        "egress: all in one region": 0.0,
    }
    assert {line.what: line.dollars for line in bill.lines} == pytest.approx(expected)
    assert bill.total == pytest.approx(sum(expected.values()))


def test_at_a_high_rate_instance_time_is_cpu_at_no_more_than_60_per_cent() -> None:
    full = (5_000 + 1 / 60) * 300e-6 / 0.6
    assert push(basis(5_000))["instance time, parse"] == pytest.approx(full * a.MONTH * 3.2e-5)


def test_an_instance_that_idles_while_its_sinks_answer_is_paid_for_that_too() -> None:
    idle = replace(MEASURED, push={"parse": replace(STAGE, busy=0.3), "features": STAGE})
    bill = push(basis(5_000, idle))
    assert bill["instance time, parse"] == pytest.approx(2 * bill["instance time, features"])


def test_a_dataflow_bill_is_its_workers_and_one_hop() -> None:
    bill = dataflow(basis(10))
    assert bill["workers"] == pytest.approx((2 * 0.09 + 7.5 * 0.004 + 30 * 0.0001) * 730)
    assert bill["to the job"] == pytest.approx(EVENTS * (1_000 + 500) / TIB * 40)
    assert bill["Streaming Engine"] == pytest.approx(EVENTS * 5_000 / GIB * 0.02)
    assert bill["requests"] == bill["window log"] == bill["to features"] == 0
    assert bill["rows written"] == push(basis(10))["rows written"]


def test_what_comes_on_top_is_its_hand_computation() -> None:
    bill = on_top(basis(10))
    day = 10 * 86_400
    panes = 1_440 * basis(10).demand.panes
    rows, size = day * 400 + panes * 300, 464 + 36
    expected = {
        "alerts, from September 2027": 20 * 0.3 + 26 * 87_600 * 4e-7,
        "rows of the months before, once 730 days are kept": rows
        / GIB
        * (90 * 0.02 + 640 * 0.01 - 730 / 24 * 0.02),
        "archive of the months before, once 730 days are kept": day
        * size
        / GIB
        * (30 * 0.02 + 60 * 0.01 + 275 * 0.006 + 365 * 0.002 - 730 / 24 * 0.02),
        "one node, if it is enabled": 0.9 * 730,
        "its sync's queries, if it is enabled": 4 * (730 / 24) * 7 * (day * 365 + panes * 109) / TIB * 6,
    }
    assert {line.what: line.dollars for line in bill.lines} == pytest.approx(expected)


def test_the_days_that_are_billed_are_those_that_terraform_keeps() -> None:
    text = (ROOT / "terraform" / "variables.tf").read_text()

    def default(name: str) -> int:
        (found,) = re.findall(rf"^ *{name} += optional\(number, (\d+)\)", text, re.MULTILINE)
        return int(found)

    assert default("realtime_features") == default("realtime_features_aggregated") == a.KEPT_ROWS_DAYS
    moves = [default(name) for name in ("NEARLINE", "COLDLINE", "ARCHIVE", "delete_after_days")]
    assert list(accumulate(a.ARCHIVE_DAYS.values())) == moves
    assert default("lookback_days") == a.SYNC_DAYS
    assert 'sync_cron     = optional(string, "30 */6 * * *")' in text
    assert a.SYNCS_A_DAY == 24 / 6


def test_a_sync_reads_what_its_views_ask_of_each_row() -> None:
    """Of sampled events, as BigQuery counts a value by its type."""
    groups = json.loads((ROOT / "terraform" / "feature_groups.json").read_text())["events"]
    rng = random.Random(1)
    maker = EventMaker(rng, location_ids(rng, 1_000))
    events = [maker.event(datetime(2026, 1, 31, tzinfo=UTC)) for _ in range(1_000)]
    total = 0
    for event in events:
        made = {**row(str(event["event_type"]), cast(Mapping[str, object], event["metrics"])), **event}
        sizes = {name: value_bytes(name, made.get(name)) for name in COLUMN_TYPES}
        for group, columns in groups.items():
            keys = {"location_id", "event_timestamp"} | (
                {"feature_category"} if group != "derived" else set()
            )
            total += sum(sizes[name] for name in {*columns, *keys})
    assert total / len(events) == pytest.approx(a.SYNC_EVENT_BYTES, rel=0.03)


COLUMN_TYPES: Mapping[str, str] = {column.name: column.type for column in REALTIME_FEATURES.columns}


def value_bytes(column: str, value: object) -> int:
    kind = COLUMN_TYPES[column]
    values = value if isinstance(value, list | tuple) else () if value is None else (value,)
    return sum(FIXED[kind] if kind in FIXED else PREFIX[kind] + len(str(each).encode()) for each in values)


def test_pull_pays_no_request_an_event_and_at_least_one_instance_of_each_stage() -> None:
    bill = pull(basis(10))
    assert bill["requests"] == pytest.approx(43_800 * 4e-7)
    assert bill["instance time, parse"] == pytest.approx(a.MONTH * 2.1e-5)
    fed = 10 + 1 / 60
    delivered = 1_000 * (1 + (fed - 1) / 99 * 49) / fed  # in responses as large as the batches
    beats = 2 * a.MONTH / 60 * 1_000
    assert bill["to parse"] == pytest.approx((EVENTS * (1_000 + delivered) + beats) / TIB * 40)
    busier = pull(basis(50_000))
    assert busier["instance time, features"] == pytest.approx(2 * busier["instance time, parse"])


def recorded(rate: float, measured: Measurements = RECORDED) -> Basis:
    return Basis(LISTED, measured, Demand(rate, 55_000, measured.event_bytes))


@given(low=RATES, high=RATES)
def test_more_events_cost_more_a_month_and_no_more_each(low: float, high: float) -> None:
    low, high = sorted((low, high))
    for make in BILLS.values():
        less, more = make(recorded(low)), make(recorded(high))
        assert less.total <= more.total + 1e-9
        assert less.per_million(low) >= more.per_million(high) - 1e-9


@given(rate=RATES, low=st.floats(1, 100_000), high=st.floats(1, 100_000))
def test_longer_events_cost_no_less(rate: float, low: float, high: float) -> None:
    low, high = sorted((low, high))
    for make in BILLS.values():
        assert make(basis(rate, event_bytes=low)).total <= make(basis(rate, event_bytes=high)).total + 1e-9


@given(rate=RATES, low=st.integers(1, 200_000), high=st.integers(1, 200_000))
def test_more_locations_cost_no_less(rate: float, low: int, high: int) -> None:
    low, high = sorted((low, high))
    for make in BILLS.values():
        assert make(basis(rate, locations=low)).total <= make(basis(rate, locations=high)).total + 1e-9


def test_at_rest_only_what_runs_by_itself_costs(name: str) -> None:
    at_rest = {line.what for line in BILLS[name](recorded(0)).lines if line.dollars}
    assert at_rest <= {
        *("requests", "instance time, parse", "instance time, features", "instance time, aggregate"),
        *(
            "to parse",
            "to features",
            "windows",
            "the functions' own",
            "Cloud Run's requests, 0.1 % kept",
            "jobs",
        ),
        "workers",
    }


def test_a_line_of_every_service_that_a_bill_has_is_on_it() -> None:
    services = {
        "Cloud Run",
        "Pub/Sub",
        "Firestore",
        "BigQuery",
        "Logging",
        "Cloud Storage",
        "Scheduler",
        "Network",
    }
    assert push(recorded(1)).by_service().keys() == pull(recorded(1)).by_service().keys() == services


def test_the_panes_that_the_benchmark_saw_are_those_that_are_computed() -> None:
    """Of the benchmark's scales, events a second and locations."""
    for size, (rate, locations) in zip(
        RECORDED.flush.sizes[1:], ((2, 1_000), (50, 10_000), (300, 55_000)), strict=True
    ):
        assert Demand(rate, locations, 500).panes == pytest.approx(size.panes, rel=0.05)


def test_a_crossing_is_found_where_the_lower_bill_changes() -> None:
    (point,) = crossings(lambda rate: rate - 12.0)
    assert point == Crossing(point.rate, rises=True)
    assert point.rate == pytest.approx(12.0, rel=0.001)
    assert list(crossings(lambda rate: rate + 1)) == []
