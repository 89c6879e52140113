"""`python -m tools.generate.feature_groups` writes terraform/feature_groups.json from the columns.

The groups of the online store's features: `derived`, which every event has, and one a category.
"""

import json

from shared.tables.columns import CATEGORY_COLUMNS, DERIVED_COLUMNS
from tools.paths import ROOT

GROUPS = ROOT / "terraform" / "feature_groups.json"

_OF_EVERY_EVENT = ("event_type", "feature_category")
"""Columns that say what the newest event of a location was, besides the derived ones."""


def feature_groups() -> dict[str, list[str]]:
    """Group name to the columns that are its features."""
    derived = [*_OF_EVERY_EVENT, *(column.name for column in DERIVED_COLUMNS)]
    categories = {name: [column.name for column in columns] for name, columns in CATEGORY_COLUMNS.items()}
    return {"derived": derived} | categories


def groups_text() -> str:
    """The content of the file."""
    return json.dumps(feature_groups(), indent=2) + "\n"


def main() -> None:
    GROUPS.write_text(groups_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
