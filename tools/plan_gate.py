"""`python -m tools.plan_gate PLAN.json` refuses a plan that destroys; made by `terraform show -json`.

What Terraform makes anew at every release, a zip under the name of its new content, is no loss.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.errors import CommandError, ProblemsFound, UsageError

REPLACED_BY_DESIGN = ("google_storage_bucket_object", "time_sleep")


def destroyed(plan: Mapping[str, Any]) -> list[str]:
    """The addresses of what the plan deletes or makes anew, but for what is replaced by design."""
    return [
        change["address"]
        for change in plan.get("resource_changes", [])
        if "delete" in change["change"]["actions"] and change["type"] not in REPLACED_BY_DESIGN
    ]


def check(path: Path) -> None:
    """Raises ProblemsFound with what would be destroyed, UsageError for what is not a plan."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a plan ({error}): terraform show -json tfplan > {path}") from None
    if lost := destroyed(plan):
        raise ProblemsFound(
            f"the plan destroys {', '.join(lost)}: if that is meant, apply it by hand (docs/deployment.md)"
        )


def main() -> None:
    """Exit code 0 for a plan that destroys nothing, 1 for one that does, 2 for what is not a plan."""
    try:
        if len(sys.argv) != 2:
            raise UsageError("give one file: python -m tools.plan_gate PLAN.json")
        check(Path(sys.argv[1]))
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    sys.stdout.write("the plan destroys nothing\n")


if __name__ == "__main__":
    main()
