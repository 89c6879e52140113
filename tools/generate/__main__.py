"""`python -m tools.generate` writes every generated file of the repository and names those that it changed.

Packages are not among them: they are built where they are needed (tools/generate/package.py).
"""

import sys

from tools.generate import (
    cost_page,
    event_schemas,
    events_page,
    feature_groups,
    module_readme,
    performance_page,
    schemas,
    tables_page,
)
from tools.generate.output import Files, write
from tools.paths import ROOT


def generated() -> Files:
    """Every generated file, as the code makes it now."""
    pages = (events_page, tables_page, module_readme, cost_page, performance_page)
    modules = (schemas, feature_groups, event_schemas, *pages)
    return {path: text for module in modules for path, text in module.files().items()}


def main() -> None:
    changed = write(generated())
    for path in changed:
        sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    if not changed:
        sys.stdout.write("every generated file is current\n")


if __name__ == "__main__":
    main()
