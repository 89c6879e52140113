"""A release from Cloud Build plans with the variables that are deployed, or not at all."""

import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest

from tools.paths import ROOT

BUILD = (ROOT / "cloudbuild.yaml").read_text(encoding="utf-8")


def script_of(step: str) -> str:
    """The step's own script."""
    (block,) = re.findall(
        rf"^  - id: {step}\n(?:    .*\n)*?    script: \|\n((?:      .*\n|\n)+)", BUILD, re.M
    )
    return textwrap.dedent(block)


def ran(folder: Path, var_file: str) -> tuple[int, str, list[str]]:
    """Exit code and messages of the step `plan`, and what it asks terraform."""
    binary, asked = folder / "bin" / "terraform", folder / "asked"
    binary.parent.mkdir()
    binary.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    binary.chmod(0o755)
    script = script_of("plan").replace("/workspace/", f"{folder}/")
    env = {"PATH": f"{binary.parent}:{os.environ['PATH']}", "VAR_FILE": var_file, "STATE_BUCKET": "state"}
    done = subprocess.run(
        ["sh", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr, asked.read_text().splitlines() if asked.exists() else []


@pytest.mark.parametrize("var_file", ["", "prod.tfvars"])
def test_a_release_without_its_variables_plans_nothing(tmp_path: Path, var_file: str) -> None:
    code, text, asked = ran(tmp_path, var_file)
    assert (code, asked) == (2, [])
    assert f"_VAR_FILE={var_file} is no file" in text


def test_a_release_plans_with_the_file_of_variables_and_sets_none_itself(tmp_path: Path) -> None:
    (tmp_path / "prod.tfvars").write_text('project_id = "p"\n')
    code, _, asked = ran(tmp_path, "prod.tfvars")
    assert code == 0
    assert [line for line in asked if line.startswith("plan")] == [
        "plan -input=false -var-file=prod.tfvars -out=tfplan"
    ]
    assert "TF_VAR_" not in BUILD
