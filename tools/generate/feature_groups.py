"""terraform/feature_groups.json, from shared/online.py."""

import json

from shared.online import EVENT_FEATURES, WINDOW_FEATURES
from tools.generate.output import Files
from tools.paths import ROOT

GROUPS = ROOT / "terraform" / "feature_groups.json"


def groups_text() -> str:
    """The content of the file: the features of each event group, and each window feature's pane column."""
    return json.dumps({"events": EVENT_FEATURES, "window": WINDOW_FEATURES}, indent=2) + "\n"


def files() -> Files:
    return {GROUPS: groups_text()}
