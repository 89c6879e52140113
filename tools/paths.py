"""Where the repository is, so that commands work from any folder."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
