"""The rooms and what each may import: holds the code to docs/architecture.md."""

import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from shared.topology import FUNCTIONS
from tests.architecture.code import imported_files, modules
from tools.paths import ROOT

FOUNDATION = "foundation"
COMMANDS = "tool foundation"

FILES = {
    "shared/errors.py": FOUNDATION,
    "shared/clock.py": FOUNDATION,
    "shared/message.py": FOUNDATION,
    "shared/events.py": FOUNDATION,
    "shared/topology.py": FOUNDATION,
    "shared/gc_tuning.py": FOUNDATION,
    "shared/json_size.py": FOUNDATION,
    "tools/errors.py": COMMANDS,
    "tools/endings.py": COMMANDS,
    "tools/console.py": COMMANDS,
    "tools/times.py": COMMANDS,
    "tools/paths.py": COMMANDS,
    "tools/proxies.py": COMMANDS,
    "tools/terraform.py": COMMANDS,
    "tools/plan_gate.py": COMMANDS,
    "tools/quantiles.py": COMMANDS,
}
"""Files at the root of a folder that share a room; any other file there is a room of its own."""

LAW: dict[str, set[str]] = {
    FOUNDATION: set(),
    "shared/telemetry": {FOUNDATION},
    "shared/delivery": {FOUNDATION, "shared/telemetry"},
    "shared/tables": {FOUNDATION, "shared/delivery"},
    "shared/windows": {FOUNDATION, "shared/tables"},
    "shared/online.py": {FOUNDATION, "shared/tables"},
    "shared/dead_letters": {FOUNDATION, "shared/telemetry", "shared/delivery"},
    "shared/gcp": {
        *(FOUNDATION, "shared/telemetry", "shared/delivery", "shared/tables", "shared/windows"),
        "shared/online.py",
    },
    "shared/settings.py": {FOUNDATION, "shared/delivery", "shared/dead_letters"},
    "shared/wiring.py": {
        *(FOUNDATION, "shared/telemetry", "shared/delivery", "shared/dead_letters", "shared/settings.py"),
        "shared/gcp",
    },
}
"""Room to the only rooms that it may import. Arrows go down only."""

SHARED = set(LAW)
LAW |= {f"functions/{name}": SHARED for name in FUNCTIONS}
LAW["functions/pulling.py"] = SHARED
PRODUCTION = set(LAW)
PIPELINE = {COMMANDS, "tools/pipeline"}
LAW |= {
    COMMANDS: SHARED,
    "tools/pipeline": SHARED | {COMMANDS},
    "tools/validate": PRODUCTION | {COMMANDS},
    "tools/cost": {COMMANDS},
    "tools/generate": PRODUCTION | {COMMANDS, "tools/validate", "tools/cost"},
    "tools/audit": {COMMANDS},
    "tools/sampling": SHARED | {COMMANDS},
    "tools/faults": SHARED | {COMMANDS},
    "tools/standins": SHARED | PIPELINE | {"tools/faults"},
    "tools/local": SHARED | PIPELINE | {"tools/faults"},
    "tools/tail": SHARED | PIPELINE,
    "tools/health": SHARED | PIPELINE,
    "tools/explain": SHARED | PIPELINE | {"tools/health"},
    "tools/status": SHARED | PIPELINE | {"tools/health"},
    "tools/doctor": SHARED | PIPELINE | {"tools/generate", "tools/health"},
    "tools/windows": PRODUCTION | PIPELINE,
    "tools/heal": PRODUCTION | PIPELINE,
    "tools/replay": PRODUCTION | PIPELINE,
    "tools/redrive": PRODUCTION | PIPELINE | {"tools/replay"},
    "tools/demo": SHARED | PIPELINE | {"tools/local", "tools/sampling"},
    "tools/load": SHARED | PIPELINE | {"tools/local", "tools/sampling", "tools/health", "tools/demo"},
    "tools/bench": PRODUCTION | PIPELINE | {"tools/local", "tools/sampling", "tools/standins", "tools/cost"},
}
LAW["tools/commands"] = SHARED | (
    set(LAW) - PRODUCTION - {"tools/audit", "tools/demo", "tools/load", "tools/bench", "tools/standins"}
)
LAW["tools/__main__.py"] = {COMMANDS, "tools/commands"}

FOLDERS = {"shared": SHARED, "functions": PRODUCTION - SHARED}
"""What docs/architecture.md writes for many rooms at once."""

ONLY_MAINS_AND_TOOLS = ("shared/gcp", "shared/wiring.py")
"""Imported only to wire a function together: the rest of the function sees its ports."""


def room(path: Path) -> str:
    if str(path) in FILES:
        return FILES[str(path)]
    return "/".join(path.parts[:2])


CODE = [
    path for path in modules("functions", "shared", "tools") if len(path.parts) > 2 or path.stem != "__init__"
]


def test_every_file_is_in_a_room_of_the_law() -> None:
    strangers = {str(path) for path in CODE if room(path) not in LAW and path.name != "__init__.py"}
    assert strangers == set(), "a new room: add it to LAW and to docs/architecture.md"


def test_every_room_of_the_law_exists() -> None:
    assert set(LAW) == {room(path) for path in CODE if path.name != "__init__.py"}


@pytest.mark.parametrize("name", LAW)
def test_a_room_imports_only_the_rooms_below_it(name: str) -> None:
    wrong = [
        f"{path} imports {imported}"
        for path in CODE
        if room(path) == name
        for imported in imported_files(path)
        if room(imported) not in LAW[name] | {name}
    ]
    assert wrong == []


def test_the_law_has_no_circle() -> None:
    TopologicalSorter(LAW).prepare()


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {path: imported_files(path) for path in CODE}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(map(str, error.args[1])))


def test_only_a_main_and_the_program_that_pulls_import_adapters_and_wiring() -> None:
    wrong = [
        f"{path} imports {imported}"
        for path in modules("functions")
        if path.name not in ("main.py", "pulling.py")
        for imported in imported_files(path)
        if room(imported) in ONLY_MAINS_AND_TOOLS
    ]
    assert wrong == []


def documented_law() -> dict[str, set[str]]:
    """The table of docs/architecture.md: each room to the rooms that its last column allows."""
    text = (ROOT / "docs" / "architecture.md").read_text().split("## The rooms")[1]
    rows = re.findall(r"^\| `([^`]+)` \| .+ \| (.+) \|$", text, re.MULTILINE)
    allowed = {room: re.findall(r"`([^`]+)`", cell) for room, cell in rows}
    return {
        room: set().union(*(FOLDERS.get(name, {name}) for name in names)) for room, names in allowed.items()
    }


def test_the_page_on_the_architecture_lists_the_files_of_a_room_without_a_folder() -> None:
    rows = (ROOT / "docs" / "architecture.md").read_text().split("## The rooms")[1].splitlines()
    row_of = {name: next(row for row in rows if row.startswith(f"| `{name}` |")) for name in FILES.values()}
    assert [path for path, name in FILES.items() if f"`{Path(path).stem}`" not in row_of[name]] == []


def test_the_page_on_the_architecture_names_every_room_and_no_other() -> None:
    assert documented_law().keys() == LAW.keys()


@pytest.mark.parametrize("name", LAW)
def test_the_page_on_the_architecture_allows_what_the_law_allows(name: str) -> None:
    assert documented_law()[name] == LAW[name]
