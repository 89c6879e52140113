"""The code as the architecture tests read it: its modules, and what each imports."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tools.paths import ROOT


def modules(*folders: str) -> list[Path]:
    """The Python files below these folders, relative to the repository."""
    return sorted(
        path.relative_to(ROOT)
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    )


PRODUCTION = modules("functions", "shared")
CODE = modules("functions", "shared", "tools", "tests")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text())


def imports(path: Path) -> Iterator[str]:
    """Every module that an import names, wherever it stands: `from a import b` gives a and a.b."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} has a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def module_of(path: Path) -> str:
    """The dotted name of a file."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported_files(path: Path) -> set[Path]:
    """The project's own files that a file imports; a package's docstring file does not count."""
    named = {file: name for file in CODE if file.name != "__init__.py" and (name := module_of(file))}
    wanted = set(imports(path))
    return {file for file, name in named.items() if name in wanted and file != path}
