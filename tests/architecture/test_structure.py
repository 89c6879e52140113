"""How the code is built: who touches a Google client, how long things are, what importing costs."""

import ast
import os
from pathlib import Path

import pytest

from shared.topology import FUNCTIONS
from tests.architecture.code import CODE, PRODUCTION, imports, is_within, tree
from tests.support.fresh_python import printed_by
from tools.paths import ROOT

MAX_FUNCTION_LINES = 50
MAX_MAIN_LINES = 30
"""Not counting blank lines."""

CLIENTS = {
    "google.cloud.firestore": "shared/gcp/firestore.py",
    "google.cloud.bigquery_storage": "shared/gcp/bigquery.py",
}
"""The start of a client's package to the one file of production code that may import it."""


def test_the_folders_are_the_functions() -> None:
    folders = {path.parts[1] for path in PRODUCTION if path.parts[0] == "functions" and len(path.parts) > 2}
    assert folders == set(FUNCTIONS)


def test_nothing_imports_a_functions_main() -> None:
    """It reads its settings when it is imported, so only the framework may import it."""
    mains = {f"functions.{function}.main" for function in FUNCTIONS}
    assert [str(path) for path in CODE if mains & set(imports(path))] == []


@pytest.mark.parametrize(("client", "owner"), CLIENTS.items())
def test_each_google_client_is_imported_by_one_file(client: str, owner: str) -> None:
    importers = {str(path) for path in PRODUCTION for module in imports(path) if module.startswith(client)}
    assert importers == {owner}


@pytest.mark.parametrize(
    "package", ["google.cloud.aiplatform", "google.cloud.aiplatform_v1", "google.pubsub_v1"]
)
def test_a_package_of_which_a_few_messages_are_used_is_not_imported(package: str) -> None:
    """It would describe all of its messages at a start: shared/gcp/descriptors.py describes the few."""
    assert [str(path) for path in PRODUCTION if any(is_within(name, package) for name in imports(path))] == []


def test_production_code_imports_google_packages_only_in_adapters() -> None:
    """Except protobuf, in which rows are encoded: it is not a client."""
    wrong = [
        f"{path} imports {module}"
        for path in PRODUCTION
        for module in imports(path)
        if module.split(".")[0] in ("google", "grpc")
        and not is_within(module, "google.protobuf")
        and path.parts[:2] != ("shared", "gcp")
    ]
    assert wrong == []


def test_only_the_settings_and_the_choice_of_endpoints_read_the_environment() -> None:
    readers = {str(path) for path in PRODUCTION if any(is_within(module, "os") for module in imports(path))}
    assert readers <= {"shared/gcp/channel.py"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_main_is_short_and_does_not_branch(function: str) -> None:
    path = Path("functions", function, "main.py")
    lines = [line for line in (ROOT / path).read_text().splitlines() if line.strip()]
    assert len(lines) <= MAX_MAIN_LINES
    branches = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match, ast.BoolOp)
    found = [f"{path}:{node.lineno}" for node in ast.walk(tree(path)) if isinstance(node, branches)]
    assert found == []


def test_no_function_is_longer_than_50_lines() -> None:
    long = [
        f"{path}:{node.lineno} {node.name} has {lines} lines"
        for path in CODE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_every_module_has_a_docstring() -> None:
    """Except an empty `__init__.py`."""
    silent = [str(path) for path in CODE if tree(path).body and not ast.get_docstring(tree(path))]
    assert silent == []


IMPORT_MAIN = """
import grpc, grpc.aio

def refuse(*_, **__):
    raise AssertionError("a channel was opened at import")

for module in (grpc, grpc.aio):
    for name in ("insecure_channel", "secure_channel"):
        setattr(module, name, refuse)

import {module}
import sys
print(*(name for name in sys.modules if name.startswith("google.cloud.aiplatform")))
"""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_importing_a_main_opens_no_channel_and_leaves_the_slow_client_alone(function: str) -> None:
    """Gunicorn imports it before it forks; the feature store's client costs 1.3 s of a cold start."""
    environment = os.environ | {"PROJECT_ID": "p", "PYTHONPATH": str(ROOT)}
    assert printed_by(IMPORT_MAIN.format(module=f"functions.{function}.main"), environment) == []
