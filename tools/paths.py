"""Where the repository is: commands start its parts and write its generated files from any folder."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
