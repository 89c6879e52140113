"""What the online store's sync reads, from rows written as the functions write them."""

import re
from datetime import UTC, datetime, timedelta
from string import Template

from shared.online import EVENT_FEATURES
from shared.tables.columns import REALTIME_FEATURES, REALTIME_FEATURES_AGGREGATED, Row, Value
from tests.warehouse.rows import DAY, insert, select
from tools.pipeline.warehouse import VIEWS, Warehouse

NOW = datetime.now(UTC).replace(microsecond=0)


def source(warehouse: Warehouse, dataset: str, file: str, **variables: str) -> list[dict[str, object]]:
    """The rows of a source view, with its file filled in as in terraform/feature_store.tf."""
    template = Template((VIEWS / "feature_store" / file).read_text())
    sql = template.substitute(project="project", dataset=dataset, lookback_days="30", **variables)
    return select(warehouse, f"SELECT * FROM ({sql}\n) ORDER BY feature_timestamp")


def event(category: str, age: timedelta, **values: Value) -> Row:
    row: Row = {
        "event_id": f"{category} {age}",
        "location_id": "1-1",
        "event_type": category,
        "feature_category": category,
        "event_timestamp": NOW - age,
        "processing_timestamp": NOW,
    }
    return row | values


async def test_a_categorys_source_has_only_events_of_that_category(
    warehouse: Warehouse, dataset: str
) -> None:
    """So a page view does not empty the lists of the latest inspection."""
    await insert(
        REALTIME_FEATURES,
        dataset,
        [event("inspection", DAY, areas_assessed=["safe"]), event("interaction", DAY / 2, page_views=3)],
    )
    columns = EVENT_FEATURES["inspection"]
    rows = source(
        warehouse,
        dataset,
        "events.sql",
        columns=", ".join(columns),
        owns_columns="feature_category = 'inspection'",
    )
    assert [(row["feature_timestamp"], row["areas_assessed"]) for row in rows] == [(NOW - DAY, ["safe"])]
    assert list(rows[0]) == ["location_id", "feature_timestamp", *columns]


async def test_derived_features_come_from_every_event_of_the_last_30_days(
    warehouse: Warehouse, dataset: str
) -> None:
    await insert(
        REALTIME_FEATURES,
        dataset,
        [
            event("inspection", 31 * DAY, real_time_risk_score=1),
            event("inspection", 29 * DAY, real_time_risk_score=2),
            event("rating", DAY, real_time_risk_score=3),
        ],
    )
    rows = source(
        warehouse,
        dataset,
        "events.sql",
        columns=", ".join(EVENT_FEATURES["derived"]),
        owns_columns="TRUE",
    )
    assert [row["real_time_risk_score"] for row in rows] == [2, 3]


async def test_window_features_of_the_highest_revision_are_a_microsecond_a_revision_after_the_newest_event(
    warehouse: Warehouse, dataset: str
) -> None:
    start = datetime.fromtimestamp(NOW.timestamp() // 300 * 300, UTC) - DAY
    newest = start + timedelta(minutes=3)
    panes: list[Row] = [
        {
            "location_id": "1-1",
            "window_start": start,
            "window_end": start + timedelta(minutes=5),
            "aggregation_timestamp": start + revision * timedelta(minutes=1),
            "latest_event_timestamp": newest,
            "revision": revision,
            "max_risk_score": revision,
        }
        for revision in (1, 2)
    ]
    await insert(REALTIME_FEATURES_AGGREGATED, dataset, panes)
    (row,) = source(warehouse, dataset, "windows.sql", columns="max_risk_score AS window_max_risk_score")
    assert row == {
        "location_id": "1-1",
        "feature_timestamp": newest + timedelta(microseconds=2),
        "window_max_risk_score": 2,
    }


def test_terraform_fills_in_each_variable_of_the_files() -> None:
    terraform = (VIEWS.parent / "feature_store.tf").read_text()
    for file in (VIEWS / "feature_store").glob("*.sql"):
        for variable in re.findall(r"\$\{(\w+)\}", file.read_text()):
            assert re.search(rf"^ +{variable} +=", terraform, re.MULTILINE), f"{file.name}: {variable}"
