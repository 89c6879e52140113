"""What Terraform deploys is what the code expects to find."""

import json
import re

import pytest
from pydantic_settings import BaseSettings

from shared import __version__
from shared.online import EVENT_FEATURE_NAMES, WINDOW_FEATURES
from shared.settings import AggregateSettings, DeadletterSettings, FeaturesSettings, ParseSettings
from shared.tables.columns import TABLES, Table, json_schema
from shared.telemetry.logs import LogEvent
from shared.topology import FUNCTIONS
from shared.windows.bucket_documents import STATE
from shared.windows.documents import EXPIRY
from shared.windows.log import COLLECTION
from shared.windows.state import LAYOUT, Shard
from tests.terraform.conftest import Runs, State
from tools.generate.package import content_hash, files
from tools.pipeline.warehouse import FUNCTION_ARGUMENTS, function_definitions, view_definitions

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900)]

PROJECT, DATASET = "demo-project", "cqc_dataset"
SETTINGS: dict[str, type[BaseSettings]] = {
    "parse": ParseSettings,
    "features": FeaturesSettings,
    "aggregate": AggregateSettings,
    "deadletter": DeadletterSettings,
}
NOT_SETTINGS = {"LOG_EXECUTION_ID"}
"""Read by functions-framework, not by us."""


def test_every_run_of_terraform_test_passes(runs: Runs) -> None:
    assert runs.problems == []
    assert set(runs.status.values()) == {"pass"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_terraform_packages_what_tools_package_does(deployed: State, name: str) -> None:
    assert deployed.outputs["content_hashes"][name] == content_hash(files(name))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_object_and_the_label_carry_the_content_hash(deployed: State, name: str) -> None:
    digest = deployed.outputs["content_hashes"][name][:16]
    function = deployed.values(f'module.stage["{name}"].google_cloudfunctions2_function.this')
    (build,) = function["build_config"]
    assert build["source"][0]["storage_source"][0]["object"] == f"{name}-{digest}.zip"
    assert function["labels"]["content-hash"] == digest
    assert (build["runtime"], build["entry_point"]) == ("python313", name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_stamps_rows_with_the_version_and_its_own_content_hash(
    deployed: State, name: str
) -> None:
    function = deployed.values(f'module.stage["{name}"].google_cloudfunctions2_function.this')
    environment = function["service_config"][0]["environment_variables"]
    assert environment["PIPELINE_VERSION"] == f"{__version__}+{content_hash(files(name))[:8]}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_starts_with_the_settings_that_it_gets(
    with_feature_store: State, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = with_feature_store.values(f'module.stage["{name}"].google_cloudfunctions2_function.this')
    environment = function["service_config"][0]["environment_variables"]
    given = {key: value for key, value in environment.items() if key not in NOT_SETTINGS}
    assert {key.lower() for key in given} <= SETTINGS[name].model_fields.keys()
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    assert SETTINGS[name]().model_dump()["project_id"] == PROJECT


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_are_those_of_the_code(deployed: State, table: Table) -> None:
    made = deployed.values(f'google_bigquery_table.this["{table.name}"]')
    assert json.loads(made["schema"]) == json_schema(table)
    assert made["time_partitioning"][0]["field"] == table.partition_by
    assert tuple(made["clustering"]) == table.cluster_by
    assert f"{made['description']}." == table.description


def views(state: State, *resources: str) -> dict[str, str]:
    return {
        view.values["table_id"]: view.values["view"][0]["query"]
        for view in state.of_type("google_bigquery_table")
        if view.address.startswith(tuple(f"google_bigquery_table.{name}[" for name in resources))
    }


def test_views_are_those_of_the_local_chain(deployed: State) -> None:
    assert views(deployed, "views") == view_definitions(PROJECT, DATASET)


def test_table_functions_are_those_of_the_local_chain(deployed: State) -> None:
    functions = [routine.values for routine in deployed.of_type("google_bigquery_routine")]
    made = {routine["routine_id"]: routine["definition_body"] for routine in functions}
    assert made == function_definitions(PROJECT, DATASET)
    for routine in functions:
        assert tuple(argument["name"] for argument in routine["arguments"]) == FUNCTION_ARGUMENTS


def test_a_span_of_time_is_filtered_under_the_deduplication(deployed: State) -> None:
    """Above it the filter prunes no partition, and the whole table is read."""
    sql_of = views(deployed, "views") | {
        routine.values["routine_id"]: routine.values["definition_body"]
        for routine in deployed.of_type("google_bigquery_routine")
    }
    spans = {name: sql for name, sql in sql_of.items() if "event_timestamp >=" in sql}
    assert spans.keys() == {
        "latest_realtime_features",
        "hourly_feature_stats",
        "location_risk_summary",
        "realtime_features_between",
    }
    table = rf"FROM `{PROJECT}\.{DATASET}\.realtime_features`\s+WHERE event_timestamp >= [^`]*?"
    once = r"\s+QUALIFY ROW_NUMBER\(\) OVER \(\s+PARTITION BY event_id"
    for name, sql in spans.items():
        assert re.search(table + once, sql), name
        assert "realtime_features_unique" not in sql, name


def test_views_read_what_is_made_before_them(with_feature_store: State) -> None:
    """BigQuery refuses a view of a table that it does not know."""
    known = {table.name for table in TABLES}
    for step in ("views", "feature_sources"):
        made = views(with_feature_store, step)
        read = {name for sql in made.values() for name in re.findall(rf"`{PROJECT}\.{DATASET}\.(\w+)`", sql)}
        assert made
        assert read
        assert read <= known, step
        known |= made.keys()


def test_the_collections_without_indexes_are_those_that_the_windows_are_kept_in(deployed: State) -> None:
    fields = list(deployed.of_type("google_firestore_field"))
    kept = {COLLECTION, STATE, Shard().control.split("/")[0], LAYOUT.split("/")[0]}
    assert {field.values["collection"] for field in fields} == kept
    for field in fields:
        assert field.values["field"] in ("*", EXPIRY)
        assert field.values["index_config"][0].get("indexes") in (None, [])


def test_the_feature_view_serves_exactly_what_the_functions_write(with_feature_store: State) -> None:
    view = with_feature_store.values(
        'google_vertex_ai_feature_online_store_featureview.location_features["on"]'
    )
    groups = view["feature_registry_source"][0]["feature_groups"]
    served = [feature for group in groups for feature in group["feature_ids"]]
    assert len(served) == len(set(served)), "one feature in two groups would be ambiguous"
    assert set(served) == EVENT_FEATURE_NAMES | WINDOW_FEATURES.keys()


def test_metrics_from_logs_look_for_lines_that_the_code_writes(deployed: State) -> None:
    sources = "".join(content.decode() for name in FUNCTIONS for content in files(name).values())
    metrics = list(deployed.of_type("google_logging_metric"))
    assert metrics
    for metric in metrics:
        (event,) = re.findall(r'jsonPayload\.event="([^"]*)"', metric.values["filter"])
        extractors = [
            metric.values["value_extractor"] or "",
            *(metric.values["label_extractors"] or {}).values(),
        ]
        keys = re.findall(r"jsonPayload\.(?:counts\.)?(\w+)", " ".join(extractors))
        assert f"LogEvent.{LogEvent(event).name}" in sources
        assert [key for key in keys if f'"{key}"' not in sources] == []
