"""What is in a package, and that the same input gives the same bytes."""

import ast
import os
import re
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from shared.topology import FUNCTIONS
from tools.generate.package import build, content_hash, files
from tools.paths import ROOT

per_function = pytest.mark.parametrize("name", FUNCTIONS)


@per_function
def test_the_same_input_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    first, second = build(name, tmp_path / "first"), build(name, tmp_path / "second")
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_times_and_modes_of_the_tree_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build("parse", tmp_path / "before").read_bytes()
    for path in (
        "functions/parse",
        "functions/__init__.py",
        "functions/pulling.py",
        "functions/parse/requirements.txt",
        "shared",
        "terraform/package",
    ):
        _copy(ROOT / path, tmp_path / "tree" / path)
    monkeypatch.setattr("tools.generate.package.ROOT", tmp_path / "tree")
    assert build("parse", tmp_path / "after").read_bytes() == before


def _copy(source: Path, target: Path) -> None:
    for path in source.rglob("*") if source.is_dir() else [source]:
        if path.is_file() and "__pycache__" not in path.parts:
            copy = target / path.relative_to(source) if source.is_dir() else target
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            copy.chmod(0o600)
            os.utime(copy, (1, 1))


@per_function
def test_a_package_holds_its_function_shared_and_its_requirements(name: str, tmp_path: Path) -> None:
    with ZipFile(build(name, tmp_path)) as archive:
        paths = archive.namelist()
    assert paths == sorted(paths)
    code = {"functions/__init__.py", "functions/pulling.py", f"functions/{name}/main.py"}
    assert {"main.py", "requirements.txt", *code} <= set(paths)
    others = [f"functions/{other}/" for other in FUNCTIONS if other != name]
    assert not [path for path in paths if path.startswith(("tools", "tests", *others))]


@per_function
def test_the_root_module_re_exports_the_entry_point(name: str) -> None:
    module = ast.parse(files(name)["main.py"])
    imports = [node for node in module.body if isinstance(node, ast.ImportFrom)]
    assert [(node.module, [alias.name for alias in node.names]) for node in imports] == [
        (f"functions.{name}.main", [name])
    ]


@per_function
def test_a_changed_byte_or_path_changes_the_content_hash(name: str) -> None:
    contents = dict(files(name))
    code = contents.pop("main.py")
    hashes = {
        content_hash(contents | {path: code + more})
        for path in ("main.py", "mains.py")
        for more in (b"", b" ")
    }
    assert len(hashes) == 4


@per_function
def test_every_requirement_is_pinned_with_its_hash(name: str) -> None:
    lines = files(name)["requirements.txt"].decode().replace("\\\n", "").splitlines()
    requirements = [line for line in lines if line and not line.startswith("#")]
    assert requirements
    assert all("==" in line and "--hash=sha256:" in line for line in requirements)


@per_function
def test_a_function_requires_what_the_project_requires(name: str) -> None:
    """Each line of its requirements.in stands in pyproject.toml, with the same versions."""
    project = (ROOT / "pyproject.toml").read_text()
    asked = (ROOT / "functions" / name / "requirements.in").read_text().splitlines()
    wanted = [line for line in asked if line and not line.startswith("#")]
    assert wanted
    assert [line for line in wanted if f'"{line}"' not in project] == []


@per_function
def test_the_pins_are_current(name: str) -> None:
    """Each requirement of requirements.in is pinned to a release that it allows."""
    folder = ROOT / "functions" / name
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)", (folder / "requirements.txt").read_text(), re.MULTILINE))
    asked = [
        line for line in (folder / "requirements.in").read_text().splitlines() if not line.startswith("#")
    ]
    stale = [ask for ask in map(Requirement, asked) if pins.get(ask.name, "") not in ask.specifier]
    assert stale == [], "run `python -m nox -s lock`"
