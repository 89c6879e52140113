"""A function with a missing or malformed setting does not start, and says which one and what to do."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.paths import ROOT

WRONG = {
    "parse": ("MAX_FUTURE", "soon"),
    "features": ("FEATURE_TIMEZONE", "Europe/Londres"),
    "aggregate": ("FEATURE_VIEW", "location_features"),
    "deadletter": ("BATCH_MAX_EVENTS", "0"),
}
"""A malformed setting of each function; beside it PROJECT_ID is missing."""


def start(function: str) -> "subprocess.CompletedProcess[str]":
    """Runs functions-framework as a deployment does; it ends before it listens."""
    name, value = WRONG[function]
    variables = os.environ | {"PYTHONPATH": str(ROOT), name: value}
    variables.pop("PROJECT_ID", None)
    return subprocess.run(
        [
            Path(sys.executable).with_name("functions-framework"),
            f"--source=functions/{function}/main.py",
            f"--target={function}",
            "--host=127.0.0.1",
            "--port=0",
        ],
        env=variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_wrong_settings_stop_the_start_with_one_sentence_that_names_each() -> None:
    with ThreadPoolExecutor() as pool:
        ends = dict(zip(WRONG, pool.map(start, WRONG), strict=True))
    for function, end in ends.items():
        name, value = WRONG[function]
        assert end.returncode != 0, function
        (sentence,) = end.stderr.splitlines()
        assert "environment variable PROJECT_ID is missing; " in sentence
        assert f"environment variable {name} is wrong: " in sentence
        assert sentence.endswith(f"(got {value!r}). Set it and start again.")
        assert end.stdout == ""
